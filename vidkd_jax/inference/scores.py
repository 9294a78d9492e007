"""What sampler and teacher say of every evaluation clip of a split.

With these scores a study of selectors asks no network again.
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Scores:
    """Scores of the clips of a split: n clips of v videos, k classes.

    The clips are in the order of the videos, and in time within each.

    Attributes:
      teacher: the teacher's logits, float32 [n, k].
      labels: class of each video, int [v].
      videos: the number of each clip's video, int [n], rising, 0..v-1.
      names: of the videos, str [v].
      groups: of the videos, str [v]: actors, films.
      spans: the first frame of each clip and the one after its last, int [n, 2].
      average: how the teacher's run averages a video's clips: "softmax" or "logits".
      sampler: the sampler's logits, float32 [n, k]; None: it has no classifier.
      confidence: the logit of z~, the sampler's belief that the teacher will be right, float32 [n];
        None: it has no such head.
    """

    teacher: np.ndarray
    labels: np.ndarray
    videos: np.ndarray
    names: np.ndarray
    groups: np.ndarray
    spans: np.ndarray
    average: str
    sampler: np.ndarray | None = None
    confidence: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Raises ValueError where the clips are not in the order of the videos."""
        counts = np.bincount(self.videos, minlength=len(self.labels))
        if not np.array_equal(self.videos, np.repeat(np.arange(len(self.labels)), counts)):
            raise ValueError("the clips are not in the order of the videos")
        if not counts.all():
            raise ValueError("a video has no clip")

    @property
    def counts(self) -> np.ndarray:
        """How many clips each video has, int [v]."""
        return np.bincount(self.videos, minlength=len(self.labels))

    def shuffled(self, seed: int) -> "Scores":
        """Returns the same clips with the labels of other videos: the oracle's null control.

        The oracle chooses by these labels, and is judged by them. What it gains over all clips then
        shows how much of its headroom comes from having looked at the answer.
        """
        order = np.random.default_rng(seed).permutation(len(self.labels))
        return dataclasses.replace(self, labels=self.labels[order])
