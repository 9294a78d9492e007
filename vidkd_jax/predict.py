"""What is happening in these videos? `python -m vidkd_jax.predict --run=runs/ty_r18 VIDEO...`.

A finished run's best student sees each video as it saw the test split: all non-overlapping clips,
centre crops, averaged. Prints the most probable classes of each video, a line each; with --json an
object a line: `video` and its `classes`, each with `name` and `probability`.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

from data_prep.annotations import Entry
from data_prep.annotations.locate import VIDEO_SUFFIXES, walk
from vidkd_jax import data
from vidkd_jax.data.clips import ClipSpec
from vidkd_jax.data.files import FileDataset, readable
from vidkd_jax.data.pipeline import Reading
from vidkd_jax.errors import InputError, run_command
from vidkd_jax.evaluation import evaluate
from vidkd_jax.networks import weights
from vidkd_jax.networks.network import Network
from vidkd_jax.run.train_step import predict_step
from vidkd_jax.runtime.compilation import cache_compilations
from vidkd_jax.runtime.memory import keep_freed_memory
from vidkd_jax.runtime.progress import progress_bar
from vidkd_jax.settings.config import flatten, get_base_config, set_field

# What a run's config says of how videos are cut into clips, and clips averaged.
_HOW = ("data.short_side", "data.crop", "data.sampler", "eval.max_clips", "eval.average")


def main(argv: list[str] | None = None) -> None:
    """Predicts; see `--help`.

    Raises:
      InputError: there is no such run or video, or a video cannot be read; the others are
        predicted before that is said.
    """
    args = _parse(argv)
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
    found = readable(entries, "videos")
    if found:
        names = card.class_names or [str(label) for label in range(card.num_classes)]
        config = _config(args.run, card)
        dataset = FileDataset(found, names, config.data.short_side)
        probabilities = predict(card, variables, dataset, config, batch_size=args.batch_size)
        for video, scores in zip(dataset.videos, probabilities, strict=True):
            line = _line(video.id, scores, names, args.top, as_json=args.json)
            tqdm.write(line, file=sys.stdout)  # around the progress bar
            sys.stdout.flush()
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


def _config(run: Path, card: weights.Card) -> ConfigDict:
    """Returns how a run cuts clips and averages; of weights without a run, as the papers do."""
    config, path = get_base_config(), run / "config.json"
    if path.is_file():
        try:
            saved = flatten(ConfigDict(json.loads(path.read_text())))
        except (OSError, ValueError, AttributeError) as error:
            raise InputError(f"--run={run}: config.json is damaged ({error})") from error
        for field in _HOW:  # a field that is younger than the run has its default
            set_field(config, field, saved.get(field, flatten(config)[field]))
    elif card.size:
        config.data.short_side = round(config.data.short_side * card.size / config.data.crop)
        config.data.crop = card.size
    return config


def predict(
    card: weights.Card,
    variables: Any,
    dataset: data.VideoDataset,
    config: ConfigDict,
    *,
    batch_size: int,
) -> Iterator[np.ndarray]:
    """Yields each video's probabilities, float64 [classes], in the data set's order.

    Args:
      card: of the network.
      variables: its weights.
      dataset: the videos.
      config: of the run: how clips are cut and averaged.
      batch_size: clips at a time.
    """
    network = Network(weights.network_of(card), size=card.size or None)
    step = jax.jit(partial(predict_step, network=network))
    placed = jax.device_put(variables)
    batches = data.EvalBatches(
        data.Subset(dataset, dataset.videos),
        ClipSpec(card.frames, card.stride, config.data.crop, config.data.sampler),
        batch_size=batch_size,
        max_clips=config.eval.max_clips,
        reading=Reading(),
    )
    with progress_bar(total=batches.num_batches, desc="predicting", delay=2, leave=False) as bar:

        def with_bar() -> Iterator[Any]:
            for batch in batches:
                yield batch
                bar.update()

        for clips in evaluate.predict_videos(partial(step, placed), with_bar()):
            probabilities, _, _ = clips.by_video(config.eval.average)
            yield probabilities[0]


def _line(video: str, scores: np.ndarray, names: Sequence[str], top: int, *, as_json: bool) -> str:
    best = [(names[label], float(scores[label])) for label in np.argsort(-scores)[:top]]
    if as_json:
        classes = [{"name": name, "probability": round(score, 6)} for name, score in best]
        return json.dumps({"video": video, "classes": classes}, ensure_ascii=False)
    return f"{video}: " + ", ".join(f"{name} {score:.1%}" for name, score in best)


if __name__ == "__main__":
    run_command(main)
