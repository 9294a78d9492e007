"""Compares the input pipeline with the limits of its parts, a torch DataLoader, and video files.

    python -m benchmarks.input_pipeline --data=data/marionette/split1/1.0.0 --threads=1

Measures clips per second on --threads cores. The sides run in turns; rates are medians of --rounds.
Every side prepares clips ahead. So a turn begins with clips that are not counted, until all clips
that were prepared during other turns are used up, and ends with a pause in which the side becomes
idle. The sides are:

- pipeline: `TrainBatches` from records to JAX's first device;
- decoder: simplejpeg alone, with as many threads, on the frames of random clips, held in memory;
- read: reading the records that hold a clip, without decoding;
- whole_read: reading all records of a video, as if the whole video were one record;
- torch: a torch DataLoader with the same records, decoder and crops, and as many worker processes;
- videos: the same pipeline directly from video files (with --videos and --annotations).

Prints one line of JSON. `pipeline_of_limit` is the rate of the pipeline divided by that of the
decoder. `pipeline_over_...` is the rate of the pipeline divided by that of another side.
`..._over_decoding` is the time of reading divided by the time of decoding.
"""

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg

from benchmarks import setting
from vidkd_jax.annotations import read_dataset
from vidkd_jax.data import RecordDataset, Subset, TrainBatches
from vidkd_jax.data.clips import ClipSpec, load_batch, random_row
from vidkd_jax.data.files import open_listed
from vidkd_jax.data.pipeline import Reading
from vidkd_jax.data.videos import Video
from vidkd_jax.runtime.command import run_command
from vidkd_jax.samplers import Contiguous

_MEMORY = 64  # number of videos with a clip in the memory of the side `decoder`
_AHEAD = 256  # largest number of clips that a side has prepared or begun ahead


def pipeline(subset: Subset, args: argparse.Namespace) -> Iterator[int]:
    """Yields the number of clips of each batch when the batch is on the device."""
    import jax

    batches = TrainBatches(
        subset,
        _spec(args),
        batch_size=args.batch,
        seed=0,
        reading=Reading(threads=args.threads, workers=0, prefetch=8),
    )
    for batch in batches:
        jax.block_until_ready(jax.device_put(batch))
        yield args.batch


def decoder(subset: Subset, args: argparse.Namespace) -> Iterator[int]:
    """Yields 1 for each clip whose frames have been decoded from memory."""
    spec, rng, clips = _spec(args), np.random.default_rng(0), []
    for video in subset.videos[:_MEMORY]:
        clips.append(subset.dataset.encoded(video.index, _random_clip(rng, video, spec)))
    with ThreadPoolExecutor(args.threads) as pool:
        while True:
            yield from pool.map(_decode, clips * 4)


def _decode(frames: list[bytes]) -> int:
    for frame in frames:
        simplejpeg.decode_jpeg(frame, colorspace="RGB")  # as records do
    return 1


def read(subset: Subset, args: argparse.Namespace, *, whole: bool) -> Iterator[int]:
    """Yields 1 for each clip whose records (with `whole`, all records of its video) are read."""
    spec, rng = _spec(args), np.random.default_rng(0)

    def read_one(position: int) -> int:
        video = subset.videos[position]
        numbers = None if whole else _random_clip(rng, video, spec)
        subset.dataset.encoded(video.index, numbers)
        return 1

    with ThreadPoolExecutor(args.threads) as pool:
        while True:
            yield from pool.map(read_one, rng.permutation(len(subset.videos))[:256])


def torch_loader(subset: Subset, args: argparse.Namespace) -> Iterator[int]:
    """Yields the number of clips of each batch of a torch DataLoader."""
    import torch

    loader = torch.utils.data.DataLoader(
        TorchClips(subset, _spec(args)),
        batch_size=args.batch,
        shuffle=True,
        drop_last=True,
        num_workers=args.threads,
        persistent_workers=True,
        multiprocessing_context="spawn",
    )
    while True:
        for clip, _ in loader:
            yield len(clip)


class TorchClips:
    """A map-style dataset of PyTorch with the same clips."""

    def __init__(self, subset: Subset, spec: ClipSpec) -> None:
        self._subset, self._spec = subset, spec

    def __len__(self) -> int:
        return len(self._subset.videos)

    def __getitem__(self, position: int) -> tuple[np.ndarray, int]:
        draws = np.random.default_rng().random(self._spec.num_draws).tolist()
        row = random_row(self._subset, self._spec, position, draws)
        batch = load_batch(self._subset, self._spec, [row])
        return batch["clip"][0, 0], int(batch["label"][0])


def _random_clip(rng: np.random.Generator, video: Video, spec: ClipSpec) -> list[int]:
    """Returns the frame numbers of a random clip."""
    draws = rng.random(spec.sampler.num_draws).tolist()
    numbers: list[int] = spec.sampler.sample(video.num_frames, draws)[0].tolist()
    return numbers


def _spec(args: argparse.Namespace) -> ClipSpec:
    return ClipSpec(Contiguous(args.frames, args.stride), args.size)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Times the sides in turns and returns the line to print."""
    setting.prepare(args.threads)
    dataset = RecordDataset(args.data, "train")
    subset = Subset(dataset, dataset.videos)
    sides: dict[str, Iterator[int]] = {
        "pipeline": pipeline(subset, args),
        "decoder": decoder(subset, args),
        "read": read(subset, args, whole=False),
        "whole_read": read(subset, args, whole=True),
    }
    if not args.no_torch:
        sides["torch"] = torch_loader(subset, args)
    if args.videos:
        lists = read_dataset(args.dataset, args.annotations, args.videos)
        opened = open_listed(lists, short_side=args.short_side)("train")
        sides["videos"] = pipeline(Subset(opened, opened.videos), args)
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for side in sides.values():  # starts the workers and opens the files
        _turn(side, args.seconds / 2)
    for _ in range(args.rounds):
        for name, side in sides.items():
            rates[name].append(_turn(side, args.seconds))
    median = {name: statistics.median(values) for name, values in rates.items()}
    over = {
        name: round(median["pipeline"] / median[name], 3)
        for name in ("torch", "videos")
        if name in median
    }
    return {
        "benchmark": "input_pipeline",
        **{f"{name}_clips_per_s": round(value, 1) for name, value in median.items()},
        "pipeline_of_limit": round(median["pipeline"] / median["decoder"], 3),
        **{f"pipeline_over_{name}": ratio for name, ratio in over.items()},
        "read_over_decoding": round(median["decoder"] / median["read"], 3),
        "whole_read_over_decoding": round(median["decoder"] / median["whole_read"], 3),
        **setting.place("jax", "simplejpeg", *([] if args.no_torch else ["torch"])),
    }


def _turn(side: Iterator[int], seconds: float) -> float:
    """Returns the clips per second of a side, and waits until the side is idle again."""
    ready = 0
    while ready < _AHEAD:
        ready += next(side)
    rate = _rate(side, seconds)
    time.sleep(1.5 * _AHEAD / rate)
    return rate


def _rate(side: Iterator[int], seconds: float) -> float:
    """Returns clips per second over at least `seconds`."""
    started, clips = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        clips += next(side)
    return clips / (time.perf_counter() - started)


def main(argv: list[str] | None = None) -> None:
    """Measures and prints one line of JSON."""
    parser = setting.parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the records' version")
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0, help="per side and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no_torch", action="store_true")
    parser.add_argument("--dataset", default="folder")
    parser.add_argument("--videos", type=Path, help="folder of video files, for the side `videos`")
    parser.add_argument("--annotations", type=Path)
    parser.add_argument("--short_side", type=int, default=128)
    parser.set_defaults(batch=16)
    print(json.dumps(measure(parser.parse_args(argv))))


if __name__ == "__main__":
    run_command(main)
