"""The interface between a data set and the pipeline."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np


@dataclasses.dataclass(frozen=True)
class Video:
    """One labelled video.

    Attributes:
      id: Unique name.
      label: Class number.
      group: Actor, film or source. Validation videos that are held out of the training split
        (`load_splits`) share no group with those that train; the lists' own splits may.
      num_frames: Number of frames, at least 1.
      index: Position in the data set.
    """

    id: str
    label: int
    group: str
    num_frames: int
    index: int


# `VideoDataset.parts` of a data set whose frames have one modality.
WHOLE_FRAME: Mapping[str, slice] = {"clip": slice(None)}


class VideoDataset(Protocol):
    """Random access to the frames of the videos of one split."""

    @property
    def videos(self) -> Sequence[Video]:
        """The videos, in a fixed order."""

    @property
    def class_names(self) -> Sequence[str]:
        """Class names, indexed by label."""

    @property
    def groups(self) -> Mapping[str, int]:
        """How many videos of all splits have a group that is "given", "guessed" or "unknown".

        Empty if that is not known.
        """

    @property
    def parts(self) -> Mapping[str, slice]:
        """The channels of a frame that each array of a batch gets: "clip", and perhaps "flow"."""

    def frames(self, index: int, numbers: np.ndarray) -> Iterable[np.ndarray]:
        """Returns the frames `numbers` of video `index`, each uint8 [h, w, c].

        The frames may be decoded lazily. The channels are RGB, or horizontal and vertical flow, or
        all five in this order.
        """
