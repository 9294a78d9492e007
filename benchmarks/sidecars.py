"""Reads the sidecars of Marionette's videos, which say in which frames the figure acts."""

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from vidkd_jax.errors import InputError
from vidkd_jax.inference.scores import Scores

_SHARE = 0.5  # of a clip's frames


@dataclasses.dataclass(frozen=True)
class Truth:
    """What happens in a video.

    Attributes:
      action: name of its class.
      active: in which of its frames the figure acts, bool [frames].
    """

    action: str
    active: np.ndarray

    def shows(self, first: int, end: int) -> bool:
        """Returns whether a clip shows the action: in half of its frames [first, end) or more."""
        return bool(self.active[first:end].mean() >= _SHARE)


def read(names: Iterable[str], sidecars: Path) -> list[Truth]:
    """Returns what happens in each video.

    Args:
      names: of the videos, or of their files.
      sidecars: the folder.

    Raises:
      InputError: a video has no sidecar.
    """
    found = []
    for name in names:
        path = sidecars / f"{Path(name).stem}.json"
        if not path.is_file():
            raise InputError(
                f"--sidecars={sidecars}: has no '{path.name}'; give those of the videos"
            )
        saved = json.loads(path.read_text())
        found.append(Truth(saved["class"], np.array(saved["active"], bool)))
    return found


def acting(scores: Scores, sidecars: Path) -> np.ndarray:
    """Returns which clips show the action, bool [n].

    Raises:
      InputError: a video has no sidecar.
    """
    truths = read(scores.names.tolist(), sidecars)
    return np.array(
        [
            truths[video].shows(first, end)
            for video, (first, end) in zip(scores.videos, scores.spans.tolist(), strict=True)
        ]
    )
