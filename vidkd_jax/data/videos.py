"""What the pipeline needs of a data set, wherever its frames come from."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np


@dataclasses.dataclass(frozen=True)
class Video:
    """One labelled video.

    Attributes:
      id: unique name.
      label: class number.
      group: videos of one group (actor, film, source) never stand on both sides of a split.
      num_frames: at least 1.
      index: position in its data set.
    """

    id: str
    label: int
    group: str
    num_frames: int
    index: int


# What a batch calls the channels of a frame, where a data set has one kind of them.
WHOLE_FRAME: Mapping[str, slice] = {"clip": slice(None)}


class VideoDataset(Protocol):
    """Random access to the frames of the videos of one split."""

    @property
    def videos(self) -> Sequence[Video]:
        """The videos, in a fixed order."""

    @property
    def class_names(self) -> Sequence[str]:
        """Names by label."""

    @property
    def parts(self) -> Mapping[str, slice]:
        """What a batch calls which channels of a frame: "clip", and perhaps "flow"."""

    def frames(self, index: int, numbers: np.ndarray) -> Iterable[np.ndarray]:
        """Gives the frames `numbers` of video `index`, each uint8 [h, w, c], as it decodes them.

        The channels are RGB, or horizontal and vertical flow, or all five in this order.
        """
