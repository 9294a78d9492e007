"""Measures the prediction of video files: all clips, chosen clips, and PyTorch with PyAV.

    python -m benchmarks.predict_videos --threads=1

Renders short videos of random lengths, and prints three lines of JSON:

- videos a second, decoding included, of the engine behind `predict` with all clips and with the K
  most confident ones, and of the same networks in PyTorch, whose videos PyAV decodes. The sides
  take turns; `..._over_torch` is the ratio of times, below 1 the engine is faster; `..._cpu` are
  ratios of processor time, which other programs disturb less. `network_chosen_of_dense` is the
  networks' time alone, in full batches;
- how often a network is compiled while --many short videos are answered: once each;
- the peak memory of the process after a video of a minute, and after one of --minutes.

Teacher and sampler are 3D ResNets of 18 and of 10 layers with random weights.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import setting
from vidkd_jax.runtime.command import run_command

CLASSES = 14
FPS = 25
RESOLUTION = (72, 96)  # of the videos, in pixels
CLIPS = (4, 18)  # of a short video; 18 are those of Kinetics (ConDi, section 1.2)


def render(path: Path, frames: int, seed: int) -> None:
    """Writes a video of a texture that moves."""
    from vidkd_jax.video import write_video

    rng = np.random.default_rng(seed)
    height, width = RESOLUTION
    coarse = rng.integers(0, 256, (height // 4 + 1, width // 2, 3), np.uint8)
    texture = coarse.repeat(4, axis=0).repeat(4, axis=1)

    def shown() -> Iterator[np.ndarray]:
        for time_ in range(frames):
            left = time_ % (texture.shape[1] - width)
            yield texture[:height, left : left + width]

    write_video(path, shown(), FPS)


def networks(args: argparse.Namespace) -> Any:
    """Returns a teacher and a sampler with random weights, as from two runs."""
    import jax

    from vidkd_jax.inference import pair as pairs
    from vidkd_jax.inference.loaded import Cutting, Loaded
    from vidkd_jax.models import Head, Normalisation
    from vidkd_jax.networks import weights
    from vidkd_jax.networks.card import Card
    from vidkd_jax.run.state import create_variables

    def loaded(name: str, layers: int, width: float, *, confidence: bool) -> Loaded:
        heads = {"logits": Head(CLASSES)} | ({"confidence": Head(1)} if confidence else {})
        card = Card(
            model=f"ty_r3d_{layers}",
            width=width,
            in_channels=3,
            num_classes=CLASSES,
            frames=args.frames,
            normalisation=Normalisation(),
            size=args.size,
            heads=heads,
        )
        model = weights.network_of(card, heads=[head for head in heads if head != "logits"])
        shape = (args.frames, args.size, args.size, 3)
        cutting = Cutting(
            short_side=round(args.size * 7 / 6), crop=args.size, batch_size=args.batch
        )
        return Loaded(name, card, create_variables(jax.random.key(0), shape, model=model), cutting)

    return pairs.pair(
        loaded("teacher", 18, args.width, confidence=False),
        loaded("sampler", 10, args.sampler_width, confidence=True),
    )


def compare(args: argparse.Namespace, pair: Any, files: list[str]) -> dict[str, Any]:
    """Returns the line of videos a second."""
    import torch

    from benchmarks import torch_predict

    torch.set_num_threads(args.threads)
    shape = (args.frames, CLASSES)
    teacher = torch_predict.network(args.width, *shape)
    sampler = torch_predict.Sampler(args.sampler_width, *shape).eval()
    cut = {"length": args.frames, "short_side": pair.cutting.short_side, "crop": args.size}

    def in_torch(sampler: Any) -> None:
        for file in files:
            torch_predict.answer(file, teacher, sampler, k=args.k, **cut)

    sides = {
        "dense": partial(answer, pair, files, args),
        "chosen": partial(answer, pair, files, args, "confidence"),
        "torch_dense": partial(in_torch, None),
        "torch_chosen": partial(in_torch, sampler),
    }
    times = setting.take_turns(sides, steps=args.rounds, warmup=1)
    wall, cpu = ({name: taken[i] for name, taken in times.items()} for i in (0, 1))
    clips = sum(found.num_clips for found in answer(pair, files, args))
    return {
        "benchmark": "predict_videos",
        **{f"{name}_videos_per_s": round(len(files) / each, 2) for name, each in wall.items()},
        "chosen_of_dense": round(wall["chosen"] / wall["dense"], 3),
        "chosen_of_dense_cpu": round(cpu["chosen"] / cpu["dense"], 3),
        **{
            f"{name}_over_torch{suffix}": round(taken[name] / taken[f"torch_{name}"], 3)
            for name in ("dense", "chosen")
            for suffix, taken in (("", wall), ("_cpu", cpu))
        },
        **networks_alone(args, pair, clips, len(files)),
        "k": args.k,
        "clips_per_video": round(clips / len(files), 2),
        **setting.place("jax", "torch", "av"),
    }


def answer(pair: Any, files: list[str], args: argparse.Namespace, name: str = "dense") -> list[Any]:
    """Returns the engine's answers."""
    from vidkd_jax.inference.choice import Choice
    from vidkd_jax.inference.engine import Engine
    from vidkd_jax.inference.sources import Source

    choice = Choice(name, k=None if name == "dense" else args.k)
    engine = Engine(pair, choice, threads=max(args.threads, 1))
    return list(engine.answer([Source(file) for file in files]))


def networks_alone(
    args: argparse.Namespace, pair: Any, clips: int, videos: int
) -> dict[str, float]:
    """Returns what the networks cost alone, in full batches."""
    from vidkd_jax.inference.batching import seconds_per_clip

    teacher, sampler = seconds_per_clip(pair, args.batch)
    chosen = min(args.k * videos, clips)
    return {
        "teacher_ms_per_clip": round(1e3 * teacher, 3),
        "sampler_ms_per_clip": round(1e3 * sampler, 3),
        "network_chosen_of_dense": round(
            (sampler * clips + teacher * chosen) / (teacher * clips), 3
        ),
    }


def compilations(args: argparse.Namespace, files: list[str]) -> dict[str, Any]:
    """Returns the line about many short videos, with networks that nothing has compiled yet."""
    import jax

    pair, counted = networks(args), 0

    def count(event: str, seconds: float, **_: Any) -> None:
        nonlocal counted
        counted += event == "/jax/core/compile/backend_compile_duration" and seconds > 0

    jax.monitoring.register_event_duration_secs_listener(count)
    answer(pair, files[: max(args.batch // args.k, 1) + 1], args, "confidence")
    before, started = counted, time.perf_counter()
    found = answer(pair, files, args, "confidence")
    return {
        "benchmark": "predict_videos_compilations",
        "videos": len(found),
        "lengths": len({each.num_frames for each in found}),
        "compilations_before": before,
        "compilations": counted - before,
        "videos_per_s": round(len(found) / (time.perf_counter() - started), 2),
        **setting.place("jax"),
    }


def memory(args: argparse.Namespace, pair: Any, folder: Path) -> dict[str, Any]:
    """Returns the line about a long video."""
    peaks, line = {}, {}
    for name, minutes in (("minute", min(1.0, args.minutes)), ("long", args.minutes)):
        path = folder / f"{name}.mp4"
        render(path, round(minutes * 60 * FPS), seed=0)
        started = time.perf_counter()
        (found,) = answer(pair, [str(path)], args, "confidence")
        line[f"{name}_s"] = round(time.perf_counter() - started, 1)
        line[f"{name}_clips"] = found.num_clips
        peaks[name] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "benchmark": "predict_videos_memory",
        "minutes": args.minutes,
        **line,
        **{f"{name}_peak_mib": round(peak) for name, peak in peaks.items()},
        **setting.place("jax"),
    }


def main(argv: list[str] | None = None) -> None:
    """Measures and prints three lines of JSON."""
    parser = setting.parser(__doc__)
    parser.set_defaults(width=0.25, frames=8, size=48, batch=16)
    parser.add_argument("--sampler_width", type=float, default=1 / 16)
    parser.add_argument("--videos", type=int, default=40, help="of the comparison")
    parser.add_argument("--many", type=int, default=1000, help="videos that compile nothing anew")
    parser.add_argument("--minutes", type=float, default=60.0, help="of the long video")
    parser.add_argument("--k", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args(argv)
    setting.prepare(args.threads)
    with tempfile.TemporaryDirectory() as temporary:
        folder, files = Path(temporary), []
        rng = np.random.default_rng(0)
        for number in range(max(args.many, args.videos)):
            frames = rng.integers(CLIPS[0] * args.frames, CLIPS[1] * args.frames)
            render(folder / f"{number}.mp4", int(frames), seed=number)
            files.append(str(folder / f"{number}.mp4"))
        pair = networks(args)
        print(json.dumps(memory(args, pair, folder)), flush=True)  # before the others take memory
        print(json.dumps(compare(args, pair, files[: args.videos])), flush=True)
        print(json.dumps(compilations(args, files[: args.many])), flush=True)


if __name__ == "__main__":
    run_command(main)
