"""The card of a network: what must be known of its weights, and what may be done with them."""

import contextlib
import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vidkd_jax import samplers
from vidkd_jax.errors import InputError
from vidkd_jax.models import Head, Normalisation
from vidkd_jax.settings.settings import DataSettings


@dataclasses.dataclass(frozen=True)
class Card:
    """What must be known of weights besides the weights.

    Attributes:
      model: name of the backbone.
      width: factor on its channels.
      in_channels: 3, or 2 for flow.
      num_classes: of the classifier, the head "logits"; 0: there is none.
      frames: of the clips; the classifiers of TY's networks depend on it.
      normalisation: of the input.
      stride: frames from one of a contiguous clip to the next; see `sampler`.
      size: side of the input in pixels; 0: not known, clips are not resized.
      source: the file's name and its SHA-256; {} where a run is the source.
      class_names: by label; (): not known.
      dataset: that the weights were trained on; "": not known.
      split: number of its official split; 0: not known.
      records: the identity of its lists and video files, as of `RecordSet.identity`; "": not known.
      selected_on: the videos that chose the best epoch of this network and of its teachers:
        "groups", "fold", "val", or "test" where the test list chose any of them; "": not known.
      on_other_lists: whether this network, or one of its teachers, may have been trained on test
        videos of these records; see the function of this name.
      has_classifier: False where the checkpoint had none: "logits" is random, or is not there.
      heads: that can be asked of the network, by name; {}: the classifier alone.
      sampler: how clips are drawn, as `samplers.as_json` writes it; {}: one contiguous clip of
        `frames` frames, `stride` apart.
      clips: which of the sampler's clips the network sees; None: all.
      fps: frames a second of the videos, `data.fps` of the run; 0: as filmed, or not known.
      folds: that the training groups were dealt out to; 0: none.
      fold: whose groups did not train the network; 0: all did.
    """

    model: str
    width: float
    in_channels: int
    num_classes: int
    frames: int
    normalisation: Normalisation
    stride: int = 1
    size: int = 0
    source: Mapping[str, str] = dataclasses.field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    dataset: str = ""
    split: int = 0
    records: str = ""
    selected_on: str = ""
    on_other_lists: bool = False
    has_classifier: bool = True
    heads: Mapping[str, Head] = dataclasses.field(default_factory=dict)
    sampler: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    clips: tuple[int, ...] | None = None
    fps: float = 0.0
    folds: int = 0
    fold: int = 0

    @property
    def answers(self) -> bool:
        """Whether the network has a classifier that was trained."""
        return self.has_classifier and self.num_classes > 0

    def other_classes(self, num_classes: int, class_names: Sequence[str]) -> str:
        """Returns how the network's classes differ from these, in words; "" where they do not.

        Args:
          num_classes: how many there are.
          class_names: by label; (): not known.
        """
        if self.num_classes != num_classes:
            return f"knows {self.num_classes} classes, not {num_classes}"
        for label, (its, other) in enumerate(zip(self.class_names, class_names, strict=False)):
            if its != other:
                return f"takes label {label} for {its}, not {other}"
        return ""

    def as_json(self) -> dict[str, Any]:
        """Returns the JSON of `model.json`."""
        return json.loads(json.dumps(dataclasses.asdict(self)))  # lists for tuples

    @classmethod
    def from_json(cls, value: Any) -> "Card":
        """Returns the card; LookupError, TypeError or ValueError where that is none."""
        saved = value["normalisation"]
        if not isinstance(value["num_classes"], int):
            raise ValueError(f"num_classes is {value['num_classes']!r}")
        if value.get("sampler"):
            with contextlib.suppress(InputError):  # of an unknown kind it is said later
                samplers.from_json(value["sampler"])
        normalisation = Normalisation(
            tuple(saved["mean"]),
            tuple(saved["std"]),
            saved["order"],
            saved.get("residual", "none"),  # younger than some cards
        )
        return cls(
            **{
                **value,
                "normalisation": normalisation,
                "class_names": tuple(value.get("class_names", ())),
                "clips": None if value.get("clips") is None else tuple(value["clips"]),
                "heads": {n: Head.from_json(head) for n, head in value.get("heads", {}).items()},
            }
        )


def card_of(path: Path, value: Any) -> Card:
    """Returns the card that a file holds.

    Args:
      path: of the file, for the message.
      value: JSON.

    Raises:
      InputError: it is none.
    """
    try:
        return Card.from_json(value)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        cause = f"{type(error).__name__}: {error}"
        raise InputError(
            f"'{path}' does not say which network it is of ({cause}); make it again"
        ) from error


def check_split(field: str, folder: Path | str, card: Card, data: DataSettings) -> None:
    """Refuses weights that were trained on videos which the run tests on, or leaves out.

    Args:
      field: of the config, that names the folder.
      folder: of the weights.
      card: of these weights.
      data: of the run.

    Raises:
      InputError: they are of another split of the same data set, or have left out another fold.
    """
    if card.dataset != data.name:
        return
    if card.split not in (0, data.split):
        raise InputError(
            f"config.{field}: '{folder}' was trained on split {card.split} of {data.name}, which "
            f"holds test videos of split {data.split}; use one of split {data.split}"
        )
    if data.fold and (card.folds, card.fold) != (data.folds, data.fold):
        raise InputError(
            f"config.{field}: '{folder}' was trained on videos of fold {data.fold} of "
            f"{data.folds}, which this run leaves out; train it with data.folds={data.folds} and "
            f"data.fold={data.fold}, too"
        )


def selected_on(own: str, dataset: str, sources: Iterable[Card]) -> str:
    """Returns which videos chose a run's best epoch, its sources' best epochs included.

    Args:
      own: what chooses the run's own epoch, `data.val`.
      dataset: of the run. The test list of another data set may be seen.
      sources: cards of the run's teachers, and of the weights that it starts from.

    Returns:
      "test" where the test list chose the epoch of one of the sources; else `own`.
    """
    saw_test = any(card.dataset == dataset and card.selected_on == "test" for card in sources)
    return "test" if saw_test else own


def on_other_lists(records: str, dataset: str, sources: Iterable[Card]) -> bool:
    """Returns whether test videos of a run may have trained one of the networks behind it.

    Args:
      records: `Card.records` of the run.
      dataset: of the run.
      sources: cards of the run's teachers, and of the weights that it starts from.

    Returns:
      Whether one is known to be of other lists of this data set: a video more, and groups may have
      moved from training to test.
    """

    def lists(of: str) -> set[str]:
        return {part.partition("-")[0] for part in of.split()}  # RGB and flow have the same

    own = lists(records)
    return any(
        card.on_other_lists or bool(card.records and own and own.isdisjoint(lists(card.records)))
        for card in sources
        if card.dataset == dataset
    )
