"""Tests whether two checkouts train to the same bits, for changes that must not change results.

    python -m benchmarks.same_bits --other=../before --data=data/demo/records --out=/tmp/bits

Trains each of `RUNS` for two epochs on the records of Marionette `tiny` (`make demo` builds them,
`python -m data_prep.flow` adds their flow), in this checkout and in the other checkout. Compares a
digest of the student's weights and all scores of the test clips. Prints one line of JSON per run.
The exit status is 1 if any run differs. Finished runs are not repeated.

Both checkouts need the same number of cores (such as `taskset -c 0`): with another number, XLA sums
in another order.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

COMMON = (
    "model.width=0.0625",
    "data.frames=4",
    "data.crop=32",
    "data.val_fraction=0.2",
    "train.epochs=2",
    "schedule.warmup_epochs=0",
    "train.batch_size=8",
    "augment.hue=0.5",
    "augment.noise=0.5",
)
# For each run: its config, other settings, and the runs that are its teachers.
RUNS: Mapping[str, tuple[str, Sequence[str], Sequence[str]]] = {
    "supervised": ("supervised_r18", (), ()),
    "supervised_r34": ("supervised_r34", ("data.frames=8", "data.stride=1"), ()),
    "supervised_flow": ("supervised_r18", ("data.modality=flow",), ()),
    "teaching_yourself": ("ty_r18", (), ()),
    "released": ("ty_r18_released", ("data.val=groups",), ()),
    "moving_average": ("moving_average_r18", (), ()),
    "mutual_learning": ("mutual_learning_r18", (), ()),
    "distillation": ("distillation_r18", (), ("supervised",)),
    "two_teachers": (
        "distillation_r18",
        ("method.teacher_weights=(2.0, 1.0)",),
        ("supervised", "supervised_r34"),
    ),
    "flow_to_rgb": ("flow_to_rgb_r18", (), ("supervised_flow",)),
    "hints": ("hints_r18", (), ("supervised_r34",)),
    "relational": ("relational_r18", (), ("supervised",)),
}


def train(name: str, checkout: Path, data: Path, out: Path) -> Path:
    """Trains one run in a checkout and returns its workdir."""
    config, own, teachers = RUNS[name]
    workdir = out / name
    if (workdir / "summary.json").exists():
        return workdir
    fields = [*COMMON, *own, f"data.root={data.absolute()}"]
    if teachers:
        fields.append(f"teachers.runs={tuple(str(out / teacher) for teacher in teachers)}")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "vidkd_jax.main",
            f"--config=configs/{config}.py:marionette",
            f"--workdir={workdir}",
            *(f"--config.{field}" for field in fields),
        ],
        check=True,
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        stdout=subprocess.DEVNULL,
    )
    return workdir


def result(workdir: Path) -> tuple[dict[str, Any], np.ndarray]:
    """Returns the summary of a finished run, and its scores on the test clips."""
    with np.load(workdir / "predictions.npz") as arrays:
        return json.loads((workdir / "summary.json").read_text()), arrays["logits"]


def main() -> None:
    """Compares the checkouts and prints one line of JSON per run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--other", type=Path, required=True, help="the other checkout")
    parser.add_argument("--data", type=Path, required=True, help="folder of all records")
    parser.add_argument("--out", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--runs", nargs="+", default=list(RUNS), choices=RUNS)
    args = parser.parse_args()
    here, differ = Path(__file__).parents[1], []
    for name in args.runs:
        sides = {"other": args.other.absolute(), "here": here}
        found = {
            side: result(train(name, checkout, args.data, args.out.absolute() / side))
            for side, checkout in sides.items()
        }
        weights = {side: summary["weights"] for side, (summary, _) in found.items()}
        scores = np.array_equal(found["here"][1], found["other"][1])
        same = weights["here"] == weights["other"] and scores
        differ += [] if same else [name]
        print(json.dumps({"run": name, "same": same, **weights, "same_scores": scores}), flush=True)
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
