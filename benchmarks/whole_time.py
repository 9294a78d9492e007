"""Measures what chosen clips save of the whole time, decoding included (ConDi, Table 4.6).

    python -m benchmarks.whole_time --table=condi_table4_6 --out=runs/tables \
        --videos=data/marionette_untrimmed_videos/videos --threads=1

The engine behind `predict` answers the files of --number test videos as each row with a selection
does; 64 of them leave no batch half empty, whatever K. The rows take turns; the first turn, in
which networks are compiled, does not count. Of every row whose first seed is finished, prints a
line of JSON, milliseconds a video: `video_ms`, from the file to the answer, and `network_ms`,
sampler and teacher alone, in full batches; `..._cpu_ms` is the processor's time for that, which
other programs disturb less. `..._share` is the same as a part of the time of the row that it is
compared with. `clips` are those that the teacher saw.
"""

import argparse
import functools
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import setting, table_rows
from vidkd_jax.errors import InputError
from vidkd_jax.inference import pair as pairs
from vidkd_jax.inference.answers import Failure, VideoAnswer
from vidkd_jax.inference.batching import seconds_per_clip
from vidkd_jax.inference.choice import Choice
from vidkd_jax.inference.engine import Engine
from vidkd_jax.inference.loaded import load
from vidkd_jax.inference.pair import Pair
from vidkd_jax.inference.sources import Source
from vidkd_jax.runtime.command import run_command
from vidkd_jax.runtime.compilation import cache_compilations
from vidkd_jax.tables import Row, Selection, Table, load_table
from vidkd_jax.tables.arms import finished_arms
from vidkd_jax.tables.selected import decided, networks
from vidkd_jax.tables.shown import Shown

TIMES = ("video_ms", "video_cpu_ms", "network_ms", "network_cpu_ms")
_CLOCKS = (time.perf_counter, time.process_time)


@functools.cache  # rows with the same networks share what is compiled
def load_pair(teacher: Path, sampler: Path | None) -> Pair:
    """Returns the networks of a row, as `predict` loads them."""
    own = None if sampler is None else load("sampler", sampler)
    return pairs.pair(load("teacher", teacher, beside=own), own)


def choice_of(selection: Selection, max_clips: int) -> Choice:
    """Returns what `predict` would be asked for; `selection` has one K and one threshold."""
    (k,), (threshold,) = selection.all_ks(), selection.thresholds()
    takes_all = Choice(selection.selector).found.takes_all
    return Choice(
        selection.selector,
        None if takes_all else k,
        selection.student_k,
        threshold,
        max_clips=max_clips,
    )


def measured(
    sides: Mapping[str, tuple[Pair, Choice]],
    files: Sequence[Source],
    *,
    rounds: int,
    threads: int = 1,
) -> dict[str, dict[str, float]]:
    """Returns `TIMES`, "clips", and "clips_there" of each side, a video on average.

    Raises:
      InputError: a video cannot be read.
    """
    found: dict[str, list[VideoAnswer]] = {}

    def answer(name: str, engine: Engine) -> None:
        found[name] = []
        for each in engine.answer(files):
            if isinstance(each, Failure):
                raise each.error
            found[name].append(each)

    engines = {
        name: functools.partial(answer, name, Engine(pair, choice, threads=threads))
        for name, (pair, choice) in sides.items()
    }
    times = setting.take_turns(engines, steps=rounds, warmup=1)
    costs = {
        pair: [seconds_per_clip(pair, pair.cutting.batch_size, clock) for clock in _CLOCKS]
        for pair, _ in sides.values()
    }
    figures = {}
    for name, (wall, processor) in times.items():
        seen = sum(each.seen for each in found[name])
        there = sum(each.num_clips for each in found[name])
        alone = [teacher * seen + sampler * there for teacher, sampler in costs[sides[name][0]]]
        totals = {
            **{key: 1e3 * each for key, each in zip(TIMES, (wall, processor, *alone), strict=True)},
            "clips": seen,
            "clips_there": there,
        }
        figures[name] = {key: total / len(files) for key, total in totals.items()}
    return figures


def _wanted(table: Table, args: argparse.Namespace) -> list[Row]:
    """Returns the rows that `predict` could answer like, and that --row names."""
    rows = [
        row
        for row in table.rows
        if row.selection and not row.selection.shuffled and row.name in (args.row or [row.name])
    ]
    return [
        row for row in rows if row.selection and not Choice(row.selection.selector).found.cheats
    ]


def main(argv: list[str] | None = None) -> None:
    """Prints a line of JSON for each row; see the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", default="condi_table4_6")
    parser.add_argument("--scale", default="marionette")
    parser.add_argument("--out", type=Path, required=True, help="the table's --out")
    parser.add_argument("--videos", type=Path, required=True, help="folder of the video files")
    parser.add_argument("--number", type=int, default=64, help="of test videos")
    parser.add_argument("--data", default="", help="folder of the records; '': as in the runs")
    parser.add_argument("--row", action="append", default=[], help="these rows alone")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(argv)
    setting.prepare(args.threads)
    cache_compilations()
    table = load_table(args.table)
    (dataset,) = {*table.scales[args.scale].values()}
    sides: dict[str, tuple[Pair, Choice]] = {}
    files: list[Source] = []
    for row in _wanted(table, args):
        arms = finished_arms(row, dataset, [args.out], 1)
        if not arms:
            print(f"not finished: {row.name}", file=sys.stderr)
            continue
        test, settings, selection = decided(
            arms[0], Shown(table, dataset, [args.out], 1, args.data)
        )
        files = files or table_rows.some_files(test.scores.names.tolist(), args.videos, args.number)
        pair = load_pair(*networks(arms[0]))
        sides[row.name] = (pair, choice_of(selection, settings.eval.max_clips or None))
    if not sides:
        raise InputError(f"--out={args.out}: no row of '{args.table}' with a selection is finished")
    found = measured(sides, files, rounds=args.rounds, threads=args.threads)
    against = {row.name: table.against(row) for row in table.rows}
    for name, figures in found.items():
        reference = found.get(against[name], figures)
        shares = {f"{key[:-3]}_share": figures[key] / reference[key] for key in TIMES}
        line: dict[str, Any] = {key: round(value, 3) for key, value in (figures | shares).items()}
        beside = {"against": against[name], "videos": len(files), **setting.place("jax")}
        print(json.dumps({"row": name, **line, **beside}), flush=True)


if __name__ == "__main__":
    run_command(main)
