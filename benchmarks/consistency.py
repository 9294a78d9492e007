"""Measures how far a network's answers stay the same while its input varies (TY, section III.B).

    python -m benchmarks.consistency --table=strong_teachers --out=runs/tables --seeds=2

Every test clip is transformed --draws times by TY's seven operators, with the same draws for every
network. Of every row whose runs are finished and still have their weights, prints a line of JSON:
mean over seeds and 95 % interval over seeds and test groups, and the difference from the row's
reference, paired by seed. `same_answer` is the share of pairs of draws of a clip that get the same
class; `divergence` the Jensen-Shannon divergence of a clip's draws in nats: the mean KL of a draw's
probabilities from their mean; `clip_top1` the accuracy on the transformed clips.
"""

import argparse
import dataclasses
import itertools
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import table_rows
from vidkd_jax import augment
from vidkd_jax.data.clips import Subset
from vidkd_jax.errors import InputError
from vidkd_jax.evaluation.collect import Collected, collect
from vidkd_jax.evaluation.predictions import softmax
from vidkd_jax.networks import weights
from vidkd_jax.run.building import Run, build_run
from vidkd_jax.run.saved import saved_settings
from vidkd_jax.runtime.command import run_command
from vidkd_jax.runtime.compilation import cache_compilations
from vidkd_jax.tables import Row, load_table
from vidkd_jax.tables.arms import finished_arms
from vidkd_jax.tables.run_results import GroupSums, RunResult

METRICS = tuple(map(table_rows.mean_of, ("same_answer", "divergence", "clip_top1")))


def varied(run: Run, folder: Path, draws: int, test: Subset) -> Collected:
    """Returns the logits of every test clip under `draws` transforms, "logits" [m, draws, k]."""
    policy = dataclasses.replace(augment.Augment(), flip=run.settings.augment.flip)
    _, variables = weights.load(folder)
    keys = (jax.random.fold_in(jax.random.key(0), number) for number in itertools.count())

    @jax.jit
    def ask(clip: jax.Array, key: jax.Array) -> jax.Array:
        views = {"clip": augment.apply(policy, key, augment.normalise(clip))}
        return run.student.infer(variables, views)["logits"]

    batches = run.eval_batches(run.eval_clips(test))

    def answered(batch: dict[str, np.ndarray]) -> dict[str, Any]:
        clip = run.shard({"clip": batch["clip"]})["clip"]
        each = [ask(clip, key) for key in jax.random.split(next(keys), draws)]
        beside = {name: batch[name] for name in ("label", "video", "mask")}
        return {"logits": jnp.stack(each, axis=1), **beside}

    return collect(answered, batches, str(folder))


def terms(logits: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Returns each metric's value of every clip, [m].

    Args:
      logits: [m, draws, k], at least two draws.
      labels: [m].
    """
    probabilities = softmax(logits)
    answers = probabilities.argmax(axis=2)
    pairs = list(itertools.combinations(range(logits.shape[1]), 2))
    tiny = np.finfo(float).tiny
    mean = probabilities.mean(axis=1, keepdims=True)
    ratio = np.log(np.maximum(probabilities, tiny)) - np.log(np.maximum(mean, tiny))
    return {
        "same_answer": np.mean([answers[:, a] == answers[:, b] for a, b in pairs], axis=0),
        "divergence": (probabilities * ratio).sum(axis=2).mean(axis=1),
        "clip_top1": (answers == labels[:, None]).mean(axis=1),
    }


def measured(folder: Path, args: argparse.Namespace) -> RunResult:
    """Returns the metrics of a finished run, summed by test group."""
    settings = saved_settings(folder)
    assert settings is not None  # the run is finished
    if args.data:
        settings = dataclasses.replace(
            settings, data=dataclasses.replace(settings.data, root=args.data)
        )
    run = build_run(settings)
    test = run.splits.test
    if args.videos:
        test = Subset(test.dataset, test.videos[: args.videos])
    found = varied(run, folder, args.draws, test)
    groups, of_clip = np.unique(
        [test.videos[video].group for video in found.videos], return_inverse=True
    )
    sums = {
        name: GroupSums.of(each, of_clip, len(groups))
        for name, each in terms(found.outputs["logits"], found.labels).items()
    }
    return RunResult(tuple(groups.tolist()), sums, {})


def _has_weights(folder: Path) -> bool:
    return (folder / "checkpoints").is_dir()


def _measured_row(row: Row, args: argparse.Namespace) -> dict[int, RunResult]:
    """Returns what is measured of a row's runs that still have weights, by the table's seed."""
    finished = finished_arms(row, args.dataset, [args.out], args.seeds)
    kept = [arm for arm in finished if _has_weights(arm.folder)]
    if len(kept) < args.seeds:
        print(f"{row.name}: {len(kept)} of {args.seeds} seeds have weights", file=sys.stderr)
    return {arm.table_seed: measured(arm.folder, args) for arm in kept}


def main(argv: list[str] | None = None) -> None:
    """Prints a line of JSON for each row; see the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", required=True)
    parser.add_argument("--scale", default="marionette")
    parser.add_argument("--out", type=Path, required=True, help="the table's --out")
    parser.add_argument("--data", default="", help="folder of the records; '': as in the runs")
    parser.add_argument("--row", action="append", default=[], help="these rows alone")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--videos", type=int, default=0, help="the first test videos; 0: all")
    args = parser.parse_args(argv)
    if args.draws < 2:
        raise InputError(f"--draws={args.draws}: at least two can differ")
    cache_compilations()
    table = load_table(args.table)
    (args.dataset,) = {*table.scales[args.scale].values()}
    wanted = [row for row in table.rows if not args.row or row.name in args.row]
    rows = {row.name: found for row in wanted if (found := _measured_row(row, args))}
    if not rows:
        raise InputError(f"--out={args.out}: no finished run of '{args.table}' has its weights")
    table_rows.write(table, rows, METRICS)


if __name__ == "__main__":
    run_command(main)
