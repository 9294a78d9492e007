"""Which records are meant: where they are, whether they are those, and how to make them.

The optical flow of the record set NAME, which `python -m data_prep.flow` writes, is the record set
NAME_flow.
"""

import dataclasses
import json
import shlex
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from vidkd_jax.errors import InputError

USUAL_QUALITY = 95  # of the JPEGs that records hold, where data_prep is told none

# The fields that the result of `read_info` always has.
_FIELDS = ("name", "dataset", "split", "short_side", "lists", "class_names", "skipped", "counts")

# What it has where older records lack a field.
_OPTIONAL: dict[str, Any] = {
    "modality": "rgb",
    "frames_per_record": None,
    "fps": 0.0,
    "groups": {},
}

_TYPES: dict[str, Any] = {"class_names": list, "counts": dict, "groups": dict, "fps": (int, float)}

# The flags that render the built-in record sets. All but the teachers' have one seed, and so the
# same actors.
_MARIONETTE = {
    "marionette": "--preset=standard --seed=9300",
    "marionette_small": "--preset=small --seed=9300",
    "marionette_study": "--preset=study --seed=9300",
    "marionette_teachers": "--preset=teachers --seed=7100",
    "marionette_untrimmed": "--preset=untrimmed --seed=9300",
    "marionette_long": "--preset=long --seed=9300",
    "marionette_background": "--preset=standard --seed=9300 --variant=background",
    "marionette_blurred": "--preset=standard --seed=9300 --variant=blurred",
    "marionette_scene_bias": "--preset=standard --seed=9300 --scene_bias=0.8",
    "marionette_new_scenes": "--preset=standard --seed=9300 --scene_bias=0.8 --unseen_scenes",
}
# Other tasks on the videos of `marionette_teachers`, by name of their records.
TASKS = {f"marionette_{task}": task for task in ("scene", "outfit", "motion")}


@dataclasses.dataclass(frozen=True)
class RecordSet:
    """The records of a data set, which may not be there.

    Attributes:
      root: The folder of all data sets.
      name: Name of the data set.
      split: Number of the official split.
      short_side: Short side of the frames, in pixels.
      modality: "rgb", "flow" for the optical flow of the same videos, or "rgb_flow" for both.
      fps: Frames per second of the records; 0 means as filmed.
    """

    root: Path
    name: str
    split: int
    short_side: int
    modality: str = "rgb"
    fps: float = 0.0

    def folders(self) -> list[Path]:
        """Returns the folder of the newest version of the records of each modality.

        Raises:
          InputError: There are no such records (the message says how to make them), or they have
            another size, frame rate or modality.
        """
        each = self.modality.split("_")
        return [dataclasses.replace(self, modality=one)._folder() for one in each]

    def identity(self) -> str:
        """Returns a hash of the lists and video files of the records; "" if there are no records.

        Records that were made again under the same name, but from other videos, with another JPEG
        quality, with damaged videos or by another algorithm of flow, have another one.
        """
        try:
            infos = [read_info(folder) for folder in self.folders()]
        except InputError:
            return ""
        return " ".join(
            f"{info['lists']}-{info.get('videos', '')}{_unusual(info)}" for info in infos
        )

    def _folder(self) -> Path:
        name = self.name if self.modality == "rgb" else f"{self.name}_{self.modality}"
        folder = self.root / name / f"split{self.split}"
        versions = sorted(path.parent for path in folder.glob("*/dataset.json"))
        if not versions:
            is_real = self.name not in (*_MARIONETTE, *TASKS) and self.modality == "rgb"
            or_else = "use the built-in videos (--config=...:marionette), or " if is_real else ""
            raise InputError(
                f"no records of '{self.name}' split {self.split} in '{folder}'"
                f"{self._beside() if is_real else ''}: "
                f"{or_else}make the "
                f"records with {self._how_to_make()}"
                f"{f' --fps={self.fps:g}' if self.fps and self.modality == 'rgb' else ''}"
            )
        self._check(versions[-1])
        return versions[-1]

    def _beside(self) -> str:
        """Returns what there is in the place of the records: other splits, or another name."""
        others = {path.parents[1].name for path in self.root.glob(f"{self.name}/*/*/dataset.json")}
        if others:
            return f" (there is {', '.join(sorted(others))})"
        made = [path.name for path in self.root.glob("*/")]
        near = get_close_matches(self.name, [name for name in made if name != self.name], 1)
        return "".join(f" (did you mean '{name}'?)" for name in near)

    def _check(self, folder: Path) -> None:
        """Refuses records of another modality, size or frame rate."""
        info, fps = read_info(folder), self.fps
        if info["modality"] != self.modality:
            raise InputError(
                f"config.data.modality: {self.modality}, but the records in '{folder}' hold "
                f"{info['modality']}; set data.modality to {info['modality']}, or choose another "
                "data.name"
            )
        if info["short_side"] != self.short_side:
            raise InputError(
                f"config.data.short_side: {self.short_side}, but the records in '{folder}' have "
                f"{info['short_side']}; set data.short_side to {info['short_side']}, or convert "
                f"again with --short_side={self.short_side}"
            )
        if info["fps"] != fps:
            raise InputError(
                f"config.data.fps: {fps:g}, but the records in '{folder}' have {info['fps']:g} "
                f"(0: as filmed); set data.fps to {info['fps']:g}, or convert again "
                f"{f'with --fps={fps:g}' if fps else 'without --fps'}"
            )

    def _how_to_make(self) -> str:
        name, split, short_side = self.name, self.split, self.short_side
        root, data = shlex.quote(str(self.root)), shlex.quote(str(self.root / name))
        if self.modality == "flow":
            return f"python -m data_prep.flow --data={data} --out={root} --algorithm=dis"
        if name in TASKS:
            videos, task = self._videos("marionette_teachers"), TASKS[name]
            return (
                f"python -m data_prep.marionette {_MARIONETTE['marionette_teachers']} "
                f"--out={videos} && python -m data_prep.marionette.tasks --task={task} "
                f"--videos={videos} --out={videos}/{task}.csv && python -m data_prep.build "
                f"--dataset=csv --name={name} --out={root} --videos={videos}/videos "
                f"--annotations={videos}/{task}.csv --short_side={short_side}"
            )
        if name in _MARIONETTE:
            videos = self._videos(name)
            return (
                f"python -m data_prep.marionette {_MARIONETTE[name]} --out={videos} && "
                f"python -m data_prep.build --dataset=marionette --name={name} --out={root} "
                f"--videos={videos}/videos --annotations={videos}/annotations --split={split} "
                f"--short_side={short_side}"
            )
        known = name in (
            "ucf101",
            "hmdb51",
            "kinetics400",
            "kinetics600",
            "mini_kinetics200",
            "ssv2",
        )
        dataset = f"{name} --annotations=DIR" if known else f"folder --name={name}"
        dataset = name if name == "utd_mhad" else dataset
        return (
            f"python -m data_prep.build --dataset={dataset} --videos=DIR --out={root} "
            f"--split={split} --short_side={short_side}"
        )

    def _videos(self, name: str) -> str:
        """Returns the folder that built-in videos are rendered to, as a shell reads it."""
        return shlex.quote(str(self.root / f"{name}_videos"))


def may_be_same(identity: str, other: str) -> bool:
    """Returns whether two runs may have read the same records, at least of one modality.

    Args:
      identity: as of `RecordSet.identity`; "": not known.
      other: likewise.
    """
    ours, theirs = {*identity.split()}, {*other.split()}
    return not (ours and theirs and ours.isdisjoint(theirs))


def _unusual(info: dict[str, Any]) -> str:
    """Returns what tells records that were made in another way than the usual one apart."""
    made = (
        str(info.get("quality", USUAL_QUALITY)),
        info.get("algorithm", "dis"),
        "damaged" if info.get("keep_damaged") else "",
    )
    return "".join(f"-{how}" for how in made if how not in (str(USUAL_QUALITY), "dis", ""))


def read_info(folder: Path) -> dict[str, Any]:
    """Returns the content of a record set's dataset.json.

    The result always has "modality" ("rgb" or "flow"), "fps" (0: as filmed), "groups" (how many
    videos have a group that is "given", "guessed" or "unknown"; empty for older records) and
    "frames_per_record". The latter is None if the file does not have it; then a record is a whole
    video.

    Raises:
      InputError: The file is damaged.
    """
    try:
        info = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
        found = _OPTIONAL | info | {name: info[name] for name in _FIELDS}
        if found["frames_per_record"] is not None and found["frames_per_record"] < 1:
            raise ValueError(f"frames_per_record is {found['frames_per_record']}")
        for name, types in _TYPES.items():
            if not isinstance(found[name], types):
                raise ValueError(f"{name} is {found[name]!r}")
        return found
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise unreadable(folder, f"dataset.json: {type(error).__name__} {error}") from error


def unreadable(folder: Path, cause: str) -> InputError:
    """Returns the error of records that are damaged."""
    first_line = (cause.splitlines() or ["no cause is given"])[0]
    return InputError(
        f"records '{folder}' cannot be read ({first_line}); check them with "
        f"`python -m data_prep.check --data={folder}`"
    )
