"""Measures whether a selector chooses clips in which something happens (ConDi, on Marionette).

    python -m benchmarks.chosen_clips --table=condi_table4_3 --out=runs/tables \
        --sidecars=data/marionette_untrimmed_videos/sidecars --seeds=5

The sidecars of Marionette's videos say in which frames the figure acts. A clip shows the action
if the figure acts in at least half of the frames from the clip's first to its last. Of every row
with a selection whose runs are finished, prints a line of JSON: `precision`, the share of the
chosen clips that show the action, and `recall`, the share of the clips that show it that are
chosen; of the row that chooses all clips the precision is what chance has. Means over seeds and
95 % intervals over seeds and test groups.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from benchmarks import table_rows
from benchmarks.sidecars import acting
from vidkd_jax.errors import InputError
from vidkd_jax.inference.scores import Scores
from vidkd_jax.runtime.command import run_command
from vidkd_jax.runtime.compilation import cache_compilations
from vidkd_jax.tables import load_table
from vidkd_jax.tables.arms import finished_arms
from vidkd_jax.tables.run_results import GroupSums, RunResult
from vidkd_jax.tables.selected import chosen_clips
from vidkd_jax.tables.shown import Shown

METRICS = tuple(map(table_rows.mean_of, ("precision", "recall")))


def judged(scores: Scores, chosen: np.ndarray, shows: np.ndarray) -> RunResult:
    """Returns precision and recall of chosen clips, summed by test group.

    Args:
      scores: of the clips.
      chosen: which of them are, bool [passes, n].
      shows: which of them show the action, bool [n].
    """
    groups, of_video = np.unique(scores.groups, return_inverse=True)
    of_clip = of_video[scores.videos]

    def summed(values: np.ndarray) -> np.ndarray:
        return np.bincount(of_clip, values, minlength=len(groups))

    share = chosen.mean(axis=0)
    hits = summed(share * shows)
    sums = {
        "precision": GroupSums(summed(share), hits),
        "recall": GroupSums(summed(shows.astype(float)), hits),
    }
    return RunResult(tuple(groups.tolist()), sums, {})


def main(argv: list[str] | None = None) -> None:
    """Prints a line of JSON for each row; see the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", required=True)
    parser.add_argument("--scale", default="marionette")
    parser.add_argument("--out", type=Path, required=True, help="the table's --out")
    parser.add_argument("--sidecars", type=Path, required=True)
    parser.add_argument("--data", default="", help="folder of the records; '': as in the runs")
    parser.add_argument("--seeds", type=int, default=1)
    args = parser.parse_args(argv)
    cache_compilations()
    table = load_table(args.table)
    (dataset,) = {*table.scales[args.scale].values()}
    shown = Shown(table, dataset, [args.out], args.seeds, args.data)
    rows: dict[str, dict[int, RunResult]] = {}
    for row in table.rows:
        if row.selection is None or row.selection.shuffled:
            continue
        arms = finished_arms(row, dataset, [args.out], args.seeds)
        if not arms:
            print(f"not finished: {row.name}", file=sys.stderr)
            continue
        found = [chosen_clips(arm, shown) for arm in arms]
        shows = acting(found[0][0], args.sidecars)
        rows[row.name] = {
            arm.table_seed: judged(scores, chosen, shows)
            for arm, (scores, chosen) in zip(arms, found, strict=True)
        }
    if not rows:
        raise InputError(f"--out={args.out}: no row of '{args.table}' with a selection is finished")
    table_rows.write(table, rows, METRICS)


if __name__ == "__main__":
    run_command(main)
