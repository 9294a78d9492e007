"""What a network says of evaluation clips: outputs by name, without the padding."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from vidkd_jax.evaluation.predictions import Predictions, as_clips, mean_by_video
from vidkd_jax.runtime import sharding
from vidkd_jax.runtime.ahead import ahead
from vidkd_jax.runtime.progress import progress_bar

_BESIDE = ("label", "video", "mask")


@dataclasses.dataclass(frozen=True)
class Collected:
    """A network's outputs for a subset's evaluation clips, in the order of its videos.

    Attributes:
      outputs: by name, each [m, ...], or [m, n, ...] where n clips of a video belong together.
      labels: int [m].
      videos: int [m], the position of each row's video in the subset.
      taught: what the teachers say of the same clips, by source: probabilities [m, k], or
        [m * n, k] of n clips a video, in the order of `predictions`. {}: they have not been asked.
    """

    outputs: Mapping[str, np.ndarray]
    labels: np.ndarray
    videos: np.ndarray
    taught: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

    def predictions(self, name: str = "logits") -> Predictions:
        """Returns an output [m, k] as predictions of clips; of [m, n, k] every clip counts."""
        return as_clips(self.outputs[name], self.labels, self.videos)

    def by_video(self, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns the mean of an output over each video's clips, [v, d], labels and videos [v]."""
        clips = self.predictions(name)
        return mean_by_video(clips.logits, clips.labels, clips.videos)


NOTHING = Collected({}, np.empty(0, np.int64), np.empty(0, np.int64))  # of no clips


def collect(
    predict_fn: Callable[[Any], Mapping[str, Any]], batches: Iterable[Any], title: str = ""
) -> Collected:
    """Runs a network over evaluation batches.

    Args:
      predict_fn: from a batch to outputs and "label", "video", "mask" of all processes' rows; it
        need not wait for them.
      batches: as made by `EvalBatches`.
      title: of the progress bar, which the first process shows where this takes long; "": none.
    """
    parts: list[dict[str, np.ndarray]] = []
    hidden = not title or not sharding.is_main()
    shown = progress_bar(batches, desc=title, disable=hidden, delay=5, leave=False)
    for found in ahead(map(predict_fn, shown)):
        mask = np.asarray(found["mask"])
        parts.append({name: np.asarray(rows)[mask] for name, rows in found.items()})
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.argsort(joined["video"], kind="stable")
    joined = {name: rows[order] for name, rows in joined.items()}
    outputs = {name: rows for name, rows in joined.items() if name not in _BESIDE}
    return Collected(outputs, joined["label"], joined["video"])
