"""What sampler and teacher say of every evaluation clip of a split, computed once and kept.

With these scores a study of selectors asks no network again.
"""

import dataclasses
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from vidkd_jax.errors import InputError
from vidkd_jax.evaluation.predictions import softmax

_DAMAGED = (OSError, ValueError, LookupError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)


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
      digests: of the weights, str [2]: teacher, sampler ("" without).
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
    digests: tuple[str, str] = ("", "")

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

    def teacher_is_right(self) -> np.ndarray:
        """Returns z, whether the teacher classifies each clip correctly, bool [n] (eq. 3.1)."""
        return self.teacher.argmax(axis=1) == self.labels[self.videos]

    def save(self, path: Path) -> None:
        """Writes a .npz file, which appears only when it is complete."""
        there = {name: value for name, value in vars(self).items() if value is not None}
        fields: dict[str, Any] = {name: np.asarray(value) for name, value in there.items()}
        temporary = path.with_name(path.name + ".tmp")
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            np.savez_compressed(file, **fields)
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Scores":
        """Reads a file that `save` wrote.

        Raises:
          InputError: it is damaged, or another kind of file.
        """
        try:
            with np.load(path) as saved:
                fields: dict[str, Any] = {name: saved[name] for name in saved.files}
            average, digests = str(fields.pop("average")), fields.pop("digests").tolist()
            return cls(**fields, average=average, digests=(digests[0], digests[1]))
        except _DAMAGED as error:
            raise InputError(
                f"'{path}' holds no scores of clips ({type(error).__name__}); delete it, and it is "
                "computed anew"
            ) from error


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Returns 1 / (1 + exp(-x)) in float64, without overflow."""
    return np.exp(-np.logaddexp(0, -np.asarray(logits, np.float64)))


def probabilities(logits: np.ndarray | None) -> np.ndarray | None:
    """Returns the softmax of logits that may not be there."""
    return None if logits is None else softmax(logits)
