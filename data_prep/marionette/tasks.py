"""Other tasks on Marionette's videos: `python -m data_prep.marionette.tasks --task=scene ...`.

A still-image network that tells scenes, outfits or motions apart is a teacher that knows something
else than the actions. The labels come from the sidecars. Scenes and outfits have no kinds, only
colours, and each actor has one: their hues are cut into bins of as many actors each.
"""

import colorsys
import csv
import io
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.disk import clear_disk_errors
from data_prep.marionette.actions import MOTIONS
from data_prep.marionette.presets import PRESETS
from vidkd_jax.data.record_sets import TASKS
from vidkd_jax.errors import InputError
from vidkd_jax.runtime.command import FlagParser, run_command
from vidkd_jax.runtime.files import write_text

_COLOUR = {"scene": ("scene", "wall"), "outfit": ("outfit", "shirt")}  # in a sidecar
_FIELDS = {"id", "file", "class", "group", "preset", "scene", "outfit"}
_BINS = 6
_MOTION_OF = {
    name: f"{m.forward}or{m.backward}" for m in MOTIONS for name in (m.forward, m.backward)
}


def main(argv: list[str] | None = None) -> None:
    """Writes a list of all rendered videos with the labels of another task."""
    parser = FlagParser(prog="python -m data_prep.marionette.tasks")
    parser.add_argument("--videos", type=Path, required=True, help="--out of data_prep.marionette")
    parser.add_argument("--task", choices=TASKS.values(), required=True)
    parser.add_argument("--out", type=Path, required=True, help="the CSV file to write")
    args = parser.parse_args(argv)
    rows = task_rows(args.videos, args.task)
    if args.out.is_dir():
        raise InputError(f"--out={args.out}: is a folder; give the name of a CSV file")
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("path", "label", "split", "group"), *rows])
    with clear_disk_errors(args.out):
        args.out.parent.mkdir(parents=True, exist_ok=True)
        write_text(args.out, text.getvalue(), encoding="utf-8", newline="")
    classes = len({label for _, label, _, _ in rows})
    flags = {
        "dataset": "csv",
        "name": f"marionette_{args.task}",
        "short_side": 56,
        "videos": args.videos / "videos",
        "annotations": args.out,
        "out": "data",
    }
    command = ["python", "-m", "data_prep.build", *(f"--{n}={v}" for n, v in flags.items())]
    print(f"{args.out}: {len(rows):,} videos, {classes} classes. Next:\n{shlex.join(command)}")


def task_rows(videos: Path, task: str) -> list[tuple[str, str, str, str]]:
    """Returns path, label, split and group of every rendered video.

    Args:
      videos: the folder that `data_prep.marionette` has written.
      task: one of TASKS' values.

    Raises:
      InputError: sidecars are missing or damaged.
    """
    sidecars = [_read(path) for path in sorted((videos / "sidecars").glob("*.json"))]
    if not sidecars:
        raise InputError(
            f"--videos={videos}: has no sidecars; give the --out of python -m data_prep.marionette"
        )
    preset = PRESETS[sidecars[0]["preset"]]
    if len(sidecars) != preset.num_videos:
        raise InputError(
            f"--videos={videos}: has {len(sidecars):,} of {preset.num_videos:,} videos; run its "
            "python -m data_prep.marionette again, which goes on"
        )
    label_of = _motions(sidecars) if task == "motion" else _bins(sidecars, task)
    tested = {*preset.test_groups(1)}
    return [
        (
            sidecar["file"],
            label_of[sidecar["id"]],
            "test" if sidecar["group"] in tested else "train",
            f"g{sidecar['group']:03d}",
        )
        for sidecar in sidecars
    ]


def _read(path: Path) -> dict[str, Any]:
    """Returns a sidecar.

    Raises:
      InputError: it is damaged.
    """
    try:
        sidecar: dict[str, Any] = json.loads(path.read_text())
        if missing := _FIELDS - sidecar.keys():
            raise ValueError(f"has no {min(missing)}")
        if sidecar["preset"] not in PRESETS:
            raise ValueError(f"there is no preset '{sidecar['preset']}'")
        return sidecar
    except (ValueError, AttributeError) as error:
        raise InputError(
            f"{path}: is damaged ({error}); delete it and run python -m data_prep.marionette again"
        ) from error


def _motions(sidecars: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Returns each video's motion, whatever its direction, which a still frame does not show."""
    return {sidecar["id"]: _MOTION_OF[sidecar["class"]] for sidecar in sidecars}


def _bins(sidecars: Sequence[Mapping[str, Any]], task: str) -> dict[str, str]:
    """Returns each video's bin of hues; an actor's videos are in one bin."""
    part, name = _COLOUR[task]
    hues = {
        sidecar["group"]: colorsys.rgb_to_hsv(*(c / 255 for c in sidecar[part][name]))[0]
        for sidecar in sidecars
    }
    order = sorted(hues, key=lambda group: hues[group])
    bins = {
        group: number
        for number, groups in enumerate(np.array_split(np.array(order), _BINS))
        for group in groups.tolist()
    }
    return {sidecar["id"]: f"{name}{bins[sidecar['group']]}" for sidecar in sidecars}


if __name__ == "__main__":
    run_command(main)
