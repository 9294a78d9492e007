"""What is happening in these videos? `python -m vidkd_jax.predict --run=runs/ty_r18 VIDEO...`.

A finished run's best student sees each video as it saw the test split: all non-overlapping clips,
centre crops, averaged. Prints the most probable classes of each video, a line each; with --json an
object a line: `video` and its `classes`, each with `name` and `probability`.
"""

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from data_prep.annotations import Entry
from data_prep.annotations.locate import VIDEO_SUFFIXES, walk
from vidkd_jax import data, samplers
from vidkd_jax.data.clips import ClipSpec
from vidkd_jax.data.files import FileDataset, readable
from vidkd_jax.data.pipeline import Reading
from vidkd_jax.errors import InputError, run_command
from vidkd_jax.evaluation.predictions import predict_videos
from vidkd_jax.networks import weights
from vidkd_jax.networks.network import Network
from vidkd_jax.run.train_step import predict_step
from vidkd_jax.run.workdir import saved_fields
from vidkd_jax.runtime.compilation import announced, cache_compilations
from vidkd_jax.runtime.memory import keep_freed_memory
from vidkd_jax.runtime.progress import progress_bar
from vidkd_jax.settings.settings import DataSettings, EvalSettings


@dataclasses.dataclass(frozen=True)
class Cutting:
    """How a run cuts videos into clips, and averages a video's clips.

    Attributes:
      short_side: that frames are resized to, in pixels.
      fps: frames a second that videos are brought to; 0: as filmed.
      crop: side of the window in their centre.
      still: whether each clip shows one frame all the time.
      max_clips: of a video.
      average: of a video's clips: "softmax" or "logits".
    """

    short_side: int = DataSettings.short_side
    fps: float = DataSettings.fps
    crop: int = DataSettings.crop
    still: bool = False
    max_clips: int = EvalSettings.max_clips
    average: str = EvalSettings.average


def main(argv: list[str] | None = None) -> None:
    """Predicts; see `--help`.

    Raises:
      InputError: there is no such run or video, or a video cannot be read; the others are
        predicted before that is said.
    """
    args = _parse(argv)
    print(f"loading the network of {args.run}", file=sys.stderr)
    keep_freed_memory()
    cache_compilations()
    card, variables = weights.load(args.run)
    if card.in_channels != 3:
        raise InputError(f"--run={args.run}: sees optical flow; give a run that sees RGB")
    if not card.has_classifier:
        raise InputError(
            f"--run={args.run}: its classifier is random: the checkpoint had none for these "
            "classes; train it first (model.init_from)"
        )
    entries = [
        Entry(str(path), path, 0, "", "predict") for file in args.videos for path in _files(file)
    ]
    cutting = _cutting(args.run, card)
    found = readable(entries, "videos", fps=cutting.fps)
    for entry, info in found:
        if info.num_damaged:
            print(f"damaged: {entry.path}: FFmpeg had to patch frames", file=sys.stderr)
    if found:
        names = card.class_names or [str(label) for label in range(card.num_classes)]
        dataset = FileDataset(found, names, cutting.short_side, fps=cutting.fps)
        probabilities = predict(card, variables, dataset, cutting, batch_size=args.batch_size)
        for video, scores in zip(dataset.videos, probabilities, strict=True):
            line = _line(video.id, scores, names, args.top, as_json=args.json)
            tqdm.write(line, file=sys.stdout)  # around the progress bar
            sys.stdout.flush()
        if len(names) > args.top and not args.json:
            more = f"--top={len(names)} prints all {len(names)} classes, --json JSON for programs"
            print(more, file=sys.stderr)
    if failures := len(entries) - len(found):
        raise InputError(f"{failures} of {len(entries)} videos cannot be read (listed above)")


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m vidkd_jax.predict", description=__doc__)
    parser.add_argument("--run", required=True, type=Path, help="workdir of a finished run")
    parser.add_argument("--top", type=int, default=3, help="classes to print")
    parser.add_argument("--json", action="store_true", help="an object a line")
    parser.add_argument("--batch_size", type=int, default=16, help="clips at a time")
    parser.add_argument("videos", nargs="+", type=Path, help="files, or folders of them")
    args = parser.parse_args(argv)
    for name in ("top", "batch_size"):
        if getattr(args, name) < 1:
            raise InputError(f"--{name}={getattr(args, name)}: give at least 1")
    return args


def _files(path: Path) -> list[Path]:
    """Returns a file itself, or the videos below a folder.

    Raises:
      InputError: there is no such file or folder, or no video in it; or see `walk`.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"'{path}': there is no such file or folder")
    files = sorted(walk(path))
    found = [file for file in files if file.suffix.lower() in VIDEO_SUFFIXES]
    if not found:
        raise InputError(f"'{path}': holds no video files")
    if left_out := [str(file) for file in files if file.suffix.lower() not in VIDEO_SUFFIXES]:
        print(
            f"left out of '{path}', as they do not end as videos do (name them to have them read; "
            f"{len(left_out)}): {', '.join(left_out)}",
            file=sys.stderr,
        )
    return found


def _cutting(run: Path, card: weights.Card) -> Cutting:
    """Returns how a run cuts clips and averages; of weights without a run, as the papers do.

    Raises:
      InputError: the run's config.json is damaged.
    """
    try:
        saved = saved_fields(run)
    except InputError as error:
        raise InputError(
            f"--run={run}: config.json is damaged, so it is not known how the run cuts clips; copy "
            "it again from where the run was made"
        ) from error
    if saved:  # a field that is younger than the run has its default
        return Cutting(
            short_side=saved.get("data.short_side", Cutting.short_side),
            fps=saved.get("data.fps", Cutting.fps),
            crop=saved.get("data.crop", Cutting.crop),
            still=saved.get("data.sampler") == "still",
            max_clips=saved.get("eval.max_clips", Cutting.max_clips),
            average=saved.get("eval.average", Cutting.average),
        )
    if not card.size:
        return Cutting()
    scale = card.size / Cutting.crop
    return Cutting(short_side=round(Cutting.short_side * scale), crop=card.size)


def predict(
    card: weights.Card,
    variables: Any,
    dataset: data.VideoDataset,
    cutting: Cutting,
    *,
    batch_size: int,
) -> Iterator[np.ndarray]:
    """Yields each video's probabilities, float64 [classes], in the data set's order.

    Args:
      card: of the network.
      variables: its weights.
      dataset: the videos.
      cutting: how clips are cut and averaged.
      batch_size: clips at a time.
    """
    network = Network(weights.network_of(card), size=card.size or None, clips=card.clips)
    sampler: samplers.Sampler = samplers.Contiguous(card.frames, card.stride)
    if card.sampler:
        sampler = samplers.from_json(card.sampler)
    step = jax.jit(partial(predict_step, network=network))
    placed = jax.device_put(variables)
    batches = data.EvalBatches(
        data.Subset(dataset, dataset.videos),
        ClipSpec(sampler, cutting.crop, still=cutting.still),
        batch_size=batch_size,
        max_clips=cutting.max_clips,
        reading=Reading(),
    )
    with progress_bar(total=batches.num_batches, desc="predicting", leave=False) as bar:

        def with_bar() -> Iterator[Any]:
            for batch in batches:
                yield batch
                bar.update()

        for clips in predict_videos(partial(announced(step, bar), placed), with_bar()):
            probabilities, _, _ = clips.by_video(cutting.average)
            yield probabilities[0]


def _line(video: str, scores: np.ndarray, names: Sequence[str], top: int, *, as_json: bool) -> str:
    best = [(names[label], float(scores[label])) for label in np.argsort(-scores)[:top]]
    if as_json:
        classes = [{"name": name, "probability": round(score, 6)} for name, score in best]
        return json.dumps({"video": video, "classes": classes}, ensure_ascii=False)
    return f"{video}: " + ", ".join(f"{name} {score:.1%}" for name, score in best)


if __name__ == "__main__":
    run_command(main)
