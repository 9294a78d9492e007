"""What is happening in these videos? `python -m vidkd_jax.predict --run=runs/ty_r18 VIDEO...`.

A finished run's best student sees each video as it saw the test split: clips that do not overlap,
mostly up to 30, centre crops, averaged. With --teacher=RUN, the teacher answers, and the student of
--run chooses the clips that are worth the teacher's time. Prints the most probable classes of each
video, a line each; with --json an object a line.
"""

import argparse
import dataclasses
import itertools
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

from tqdm import tqdm

from vidkd_jax import video
from vidkd_jax.annotations.locate import VIDEO_SUFFIXES, walk
from vidkd_jax.errors import InputError
from vidkd_jax.inference import heatmap, output, pair, picture, timeline
from vidkd_jax.inference.answers import Failure, VideoAnswer
from vidkd_jax.inference.choice import Choice, K
from vidkd_jax.inference.engine import Engine
from vidkd_jax.inference.loaded import Loaded, add_run, calibrated, load
from vidkd_jax.inference.pair import Pair
from vidkd_jax.inference.selectors import lookup
from vidkd_jax.inference.sources import Source
from vidkd_jax.runtime.command import FlagParser, run_command
from vidkd_jax.runtime.compilation import announced, cache_compilations
from vidkd_jax.runtime.memory import keep_freed_memory
from vidkd_jax.runtime.progress import progress_bar
from vidkd_jax.samplers import Contiguous

_REFRESH = 1.0  # seconds
_PICTURES = ("picture", "heatmap")


def main(argv: list[str] | None = None) -> None:
    """Predicts; see `--help`.

    Raises:
      InputError: there is no such run or video, something does not fit, or a video cannot be read;
        the others are predicted before that is said.
    """
    args = _parse(argv)
    if args.selector:
        lookup(args.selector)
    named = args.run if args.teacher is None else f"{args.run} and {args.teacher}"
    print(f"loading the network of {named}", file=sys.stderr)
    keep_freed_memory()
    cache_compilations()
    both, choice = _asked(args)
    _check_places(args, both)
    if args.heatmap:
        heatmap.check(both, args.block)
    sources = [source for name in args.videos for source in _sources(name)]
    _check_streams(args, [source.name for source in sources if source.live])
    answers, failures = _answer(args, both, choice, sources)
    if answers:
        _draw(args, both, choice, answers)
    if answers and len(both.class_names) > args.top and not args.json:
        number = len(both.class_names)
        more = f"--top={number} prints all {number} classes, --json JSON for programs"
        print(more, file=sys.stderr)
    if failures:
        raise InputError(f"{failures} of {len(sources)} videos cannot be read (listed above)")


def _check_streams(args: argparse.Namespace, live: Sequence[str]) -> None:
    """Refuses what cannot be done with videos of unknown length, which are read once.

    Raises:
      InputError: names the stream or the flag.
    """
    if len(live) > 1:
        raise InputError(
            f"'{live[1]}' is a second stream, and nobody would watch it while '{live[0]}' runs; "
            "give each stream a command of its own"
        )
    for flag in _PICTURES:
        if live and (path := getattr(args, flag)):
            raise InputError(f"--{flag}={path}: a stream cannot be read again to be drawn")
    if args.max_clips and live:
        raise InputError(
            f"--max_clips={args.max_clips}: '{live[0]}' is a stream, whose length nobody knows; "
            "leave it out, and all its clips count"
        )


def _draw(
    args: argparse.Namespace, both: Pair, choice: Choice, answers: Sequence[VideoAnswer]
) -> None:
    """Draws the pictures that are asked for."""
    for flag in _PICTURES:
        if len(answers) > picture.VIDEOS and (path := getattr(args, flag)):
            print(f"{path} shows the first {picture.VIDEOS} videos", file=sys.stderr)
    if args.picture:
        picture.save(args.picture, answers, both.cutting.fps)
    if args.heatmap:
        heatmap.save(args.heatmap, answers, both, choice.max_clips, args.block)


def _answer(
    args: argparse.Namespace, both: Pair, choice: Choice, sources: Sequence[Source]
) -> tuple[list[VideoAnswer], int]:
    """Prints every video's answer; returns those that a picture shows, and how many failed."""
    names, failures = both.class_names, 0
    kept: list[VideoAnswer] = []
    chosen = not choice.found.takes_all or choice.stop_at is not None
    with (
        timeline.Timeline(args.timeline, names) if args.timeline else nullcontext() as times,
        _ended_by_hand(sources) as ended,
        progress_bar(total=len(sources), desc="predicting", leave=False) as bar,
        closing(_engine(args, both, choice, bar, ended).answer(sources)) as answers,
    ):
        for found in answers:
            bar.update()
            if isinstance(found, Failure):
                tqdm.write(f"skipped: {found.error}", file=sys.stderr)
                failures += 1
                continue
            for notice in found.notices:
                tqdm.write(notice, file=sys.stderr)
            line = output.as_json if args.json else output.text
            tqdm.write(line(found, names, args.top, chosen=chosen), file=sys.stdout)
            sys.stdout.flush()
            if times:
                times.add(found)
            if len(kept) <= picture.VIDEOS:
                kept.append(found)
    return kept, failures


def _engine(
    args: argparse.Namespace, both: Pair, choice: Choice, bar: tqdm, ended: Callable[[], bool]
) -> Engine:
    return Engine(
        both,
        choice,
        batch_size=args.batch_size or 0,
        wrap=lambda step: announced(step, bar),
        ended=ended,
        taken=_counted(bar),
    )


def _counted(bar: tqdm) -> Callable[[], None]:
    """Returns what counts a clip more beside the bar: a long video is one step of it."""
    counts, shown = itertools.count(1), [time.monotonic()]

    def taken() -> None:
        bar.set_postfix_str(f"{next(counts)} clips read", refresh=False)
        if time.monotonic() - shown[0] > _REFRESH:
            shown[0] = time.monotonic()
            bar.refresh()

    return taken


@contextmanager
def _ended_by_hand(sources: Sequence[Source]) -> Iterator[Callable[[], bool]]:
    """Lets the first Ctrl-C end streams, which are then answered; the second one interrupts."""
    ended = threading.Event()

    def end(*_: object) -> None:
        if ended.is_set():
            raise KeyboardInterrupt
        ended.set()
        tqdm.write("ending the streams; Ctrl-C again stops at once", file=sys.stderr)

    if not any(source.live for source in sources):
        yield ended.is_set
        return
    before = signal.signal(signal.SIGINT, end)
    try:
        yield ended.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def _asked(args: argparse.Namespace) -> tuple[Pair, Choice]:
    """Returns the networks, and how clips are chosen."""
    run = load("--run", args.run)
    teacher = run if args.teacher is None else load("--teacher", args.teacher, beside=run)
    selector = args.selector or _usual(run, alone=teacher is run)
    most = args.max_clips
    if most is None:  # as the run was evaluated; else a long video's clips would be left out
        as_evaluated = lookup(selector).takes_all and not args.timeline
        most = teacher.cutting.max_clips if as_evaluated else 0
    choice = Choice(
        selector, args.k, args.k_student, args.stop_at, args.seconds, args.seed, most or None
    )
    if args.calibrated:
        level = "video" if choice.found.takes_all and choice.stop_at is None else "clip"
        alone, teacher = teacher is run, calibrated(teacher, args.teacher or args.run, level)
        if choice.needs_sampler:  # else nobody asks it
            run = teacher if alone else calibrated(run, args.run, level)
    found = pair.pair(teacher, run if choice.needs_sampler else None)
    return dataclasses.replace(found, is_one_of_two=args.teacher is not None), choice


def _check_places(args: argparse.Namespace, both: Pair) -> None:
    """Refuses to show when clips are of which each shows all of the video.

    Raises:
      InputError: names the flag.
    """
    for flag in ("timeline", "picture"):
        if getattr(args, flag) and not isinstance(both.own, Contiguous):
            raise InputError(
                f"--{flag}={getattr(args, flag)}: the run sees {both.own.describe()}, so that its "
                "clips have no place in time; leave it out"
            )


def _usual(run: Loaded, *, alone: bool) -> str:
    """Returns the selector where none is named."""
    if alone:
        return "dense"
    return "confidence" if run.believes else "entropy"


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = FlagParser(prog="python -m vidkd_jax.predict", description=__doc__)
    add_run(parser)
    add = parser.add_argument
    add("--teacher", type=Path, help="workdir of the run that answers; --run then chooses clips")
    add("--selector", help="dense, random, equidistant, entropy or confidence")
    add("--k", type=int, help=f"clips of a video that answer ({K})")
    add("--k_student", type=int, default=0, help="how many of them --run answers itself")
    add("--stop_at", type=float, help="probability at which no further clip is asked about")
    add("--seconds", type=float, help="time that a video may take; as many clips as fit")
    add("--seed", type=int, default=0, help="of --selector=random")
    add("--max_clips", type=int, help="clips that a video has at most, spread evenly; 0: all")
    add("--calibrated", action="store_true", help="probabilities by the runs' own temperatures")
    add("--top", type=int, default=3, help="classes to print (3)")
    add("--json", action="store_true", help="an object a line")
    add("--timeline", type=Path, help="file (.csv, .json) of all clips and segments over time")
    add("--picture", type=Path, help="file (.png) of chosen and rejected clips")
    add("--heatmap", type=Path, help="file (.png) of where the network looks (Grad-CAM)")
    add("--block", default="", help="of --heatmap: the block whose features are looked at")
    add("--batch_size", type=int, help="clips at a time (as in the run's evaluation)")
    add("videos", nargs="+", help="files, folders of them, cameras, pipes or addresses")
    args = parser.parse_args(argv)
    _check(args)
    return args


def _check(args: argparse.Namespace) -> None:
    """Refuses numbers that mean nothing, and files that cannot be written.

    Raises:
      InputError: names the flag.
    """
    for name, least in (
        *(("top", 1), ("k", 1), ("batch_size", 1)),
        *(("k_student", 0), ("max_clips", 0), ("seed", 0)),
    ):
        value = getattr(args, name)
        if value is not None and value < least:
            raise InputError(f"--{name}={value}: give at least {least}")
    if args.stop_at is not None and not 0 < args.stop_at <= 1:
        raise InputError(f"--stop_at={args.stop_at:g}: give a probability above 0, at most 1")
    if args.seconds is not None and not args.seconds > 0:
        raise InputError(f"--seconds={args.seconds:g}: give more than 0")
    if args.timeline:
        output.check_writable("--timeline", args.timeline, timeline.SUFFIXES)
    for flag in _PICTURES:
        if path := getattr(args, flag):
            output.check_writable(f"--{flag}", path, (".png",))
    if args.picture and args.heatmap and args.picture.absolute() == args.heatmap.absolute():
        raise InputError(f"--picture, --heatmap: both would be '{args.picture}'; name them apart")
    if args.block and not args.heatmap:
        raise InputError(f"--block={args.block}: says where --heatmap looks; give that, too")


def _sources(name: str) -> list[Source]:
    """Returns a live source or a file itself, or the videos below a folder.

    Raises:
      InputError: there is no such file or folder, or no video in it; or see `walk`.
    """
    if not name:
        raise InputError("'': an empty name; give a file, a folder, a camera, a pipe or an address")
    if video.is_live(name):
        return [Source(name, live=True)]
    path = Path(name)
    if path.is_file():
        return [Source(str(path))]
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
    return [Source(str(file)) for file in found]


if __name__ == "__main__":
    run_command(main, goes_on=False)
