"""A network that answers, from the folder of its run: its weights, and how its clips are cut."""

import argparse
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidkd_jax.errors import InputError
from vidkd_jax.networks import weights
from vidkd_jax.networks.card import Card
from vidkd_jax.networks.network import Variables
from vidkd_jax.run.saved import saved_fields, saved_summary
from vidkd_jax.settings.settings import DataSettings, EvalSettings, ModelSettings

CONFIDENCE = "confidence"  # the output that is the logit of z~ (thesis, section 3.1.1)


@dataclasses.dataclass(frozen=True)
class Cutting:
    """How a run cuts videos into clips, and averages a video's clips.

    Attributes:
      short_side: that frames are resized to, in pixels.
      fps: frames a second that videos are brought to; 0: as filmed.
      crop: side of the window in their centre.
      still: whether each clip shows one frame all the time.
      max_clips: of a video; 0: all.
      average: of a video's clips: "softmax" or "logits".
      batch_size: clips at a time.
      known: whether a run says so; else it is what is usual.
    """

    short_side: int = DataSettings.short_side
    fps: float = DataSettings.fps
    crop: int = DataSettings.crop
    still: bool = False
    max_clips: int = EvalSettings.max_clips
    average: str = EvalSettings.average
    batch_size: int = EvalSettings.batch_size
    known: bool = False

    def beside(self, other: "Cutting") -> "Cutting":
        """Returns how it is shown what another one sees, if that one has a run and it has none.

        It keeps the size of its clips, and sees as much of a frame, as it did as a teacher.
        """
        if self.known or not other.known:
            return self
        short_side = round(self.crop * other.short_side / other.crop)
        return dataclasses.replace(self, short_side=short_side, fps=other.fps, still=other.still)


@dataclasses.dataclass(frozen=True, eq=False)
class Loaded:
    """A network from a folder.

    Attributes:
      name: the flag that names the folder, and the folder, for messages.
      card: what the network is.
      variables: its weights.
      cutting: how its run cuts and averages.
      temperature: that its logits are divided by, so that its probabilities are calibrated; 1: as
        they are.
      clip_temperature: likewise, of a clip that is not averaged with others.
      dtype: that its run computed in.
    """

    name: str
    card: Card
    variables: Variables
    cutting: Cutting
    temperature: float = 1.0
    clip_temperature: float = 1.0
    dtype: str = ModelSettings.dtype

    @property
    def believes(self) -> bool:
        """Whether it says how sure it is that the teacher will be right."""
        return CONFIDENCE in self.card.heads


def add_run(parser: argparse.ArgumentParser) -> None:
    """Adds the flag that names the network of a command."""
    parser.add_argument(
        "--run",
        required=True,
        type=Path,
        help="workdir of a finished run, or a folder of converted weights",
    )


def load(flag: str, folder: Path, *, beside: Loaded | None = None) -> Loaded:
    """Returns the network of a finished run, or of converted weights.

    Args:
      flag: that names the folder, as in "--run".
      folder: of the run or of the weights.
      beside: the network that chooses its clips. Weights without a run see videos as its run does,
        and call the classes as it does.

    Raises:
      InputError: it holds no network that sees RGB.
    """
    name = f"{flag}={folder}"
    card, variables = weights.load(folder)
    if card.in_channels != 3:
        raise InputError(f"{name}: sees optical flow; give a run that sees RGB")
    saved = _saved(name, folder)
    dtype = saved.get("model.dtype", ModelSettings.dtype)
    cutting = cutting_of(saved, card)
    if beside is not None:
        cutting = cutting.beside(beside.cutting)
        if not card.class_names and card.num_classes == beside.card.num_classes:
            card = dataclasses.replace(card, class_names=beside.card.class_names)
    return Loaded(name, card, variables, cutting, dtype=dtype)


def calibrated(loaded: Loaded, folder: Path, level: str) -> Loaded:
    """Returns a network with the temperatures that its run has fitted on its validation videos.

    Args:
      loaded: from `load`. One without a classifier stays as it is.
      folder: of the run.
      level: "video", where all clips of a video are averaged, or "clip", where some are.

    Raises:
      InputError: the run has fitted none.
    """
    if not loaded.card.answers:
        return loaded
    summary = saved_summary(folder)
    for field in (f"{level}_temperature", "clip_temperature"):
        if field not in summary:
            raise InputError(
                f"--calibrated: {loaded.name} has no '{field}' in its summary.json: it was made by "
                "an older version, or is no run; leave --calibrated out, or train it again"
            )
    return dataclasses.replace(
        loaded,
        temperature=summary[f"{level}_temperature"],
        clip_temperature=summary["clip_temperature"],
    )


def _saved(name: str, folder: Path) -> dict[str, Any]:
    """Returns the fields of a run's config.json; {} of weights without a run.

    Raises:
      InputError: the file is damaged, or a run lacks it.
    """
    try:
        saved = saved_fields(folder)
    except InputError as error:
        raise InputError(
            f"{name}: config.json is damaged, so it is not known how the run cuts clips; copy "
            "it again from where the run was made"
        ) from error
    if not saved and (folder / "summary.json").is_file():
        raise InputError(
            f"{name}: has no config.json, so it is not known how the run cuts clips; copy it from "
            "where the run was made"
        )
    return saved


def cutting_of(saved: Mapping[str, Any], card: Card) -> Cutting:
    """Returns how a run cuts clips and averages; of weights without a run, as the papers do.

    Args:
      saved: the fields of its config.json, by dotted name; {} where there is none.
      card: of its network.
    """
    if saved:  # a field that is younger than the run has its default
        return Cutting(
            short_side=saved.get("data.short_side", Cutting.short_side),
            fps=saved.get("data.fps", Cutting.fps),
            crop=saved.get("data.crop", Cutting.crop),
            still=saved.get("data.sampler") == "still",
            max_clips=saved.get("eval.max_clips", Cutting.max_clips),
            average=saved.get("eval.average", Cutting.average),
            batch_size=saved.get("eval.batch_size", Cutting.batch_size),
            known=True,
        )
    if not card.size:
        return Cutting()
    scale = card.size / Cutting.crop
    return Cutting(short_side=round(Cutting.short_side * scale), crop=card.size)
