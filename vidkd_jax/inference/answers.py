"""What is known of a video in the end."""

import dataclasses

import numpy as np

from vidkd_jax.errors import InputError
from vidkd_jax.evaluation.predictions import softmax
from vidkd_jax.inference.aggregation import Answers
from vidkd_jax.inference.sources import Source


@dataclasses.dataclass(frozen=True)
class Failure:
    """A video that could not be read.

    Attributes:
      source: the video.
      error: why.
    """

    source: Source
    error: InputError


@dataclasses.dataclass(frozen=True)
class VideoAnswer:
    """The answer for one video of n clips: k classes.

    Attributes:
      source: the video.
      probabilities: of the classes, float64 [k].
      num_clips: n.
      num_frames: at the clips' rate.
      fps: frames a second of these; 0: not known.
      spans: first frame, and the one after the last, by clip: of all that were read.
      chosen: clips that the selector has put forward, best first; the teacher may have seen only
        the first ones (`stop_at`).
      seen: how many clips the network that answers has seen.
      teacher: the answers of the network that answers, of the clips that count.
      student: the sampler's answers that count.
      scores: the selector's score of each clip, float64 [n]; None: it has none.
      sampler: the sampler's logits, float32 [n, k]; None: there are none.
      confidence: the sampler's z~ in [0, 1], float64 [n]; None: there is none.
      of_clip: factors of the teacher's and the sampler's logits where a clip stands alone; 1 but
        where they have been divided by the temperature of a video's mean.
      step: frames from one clip's start to the next one's, where none is left out; 0: clips have
        no place in time.
      alone: whether there is no other network than the one that answers.
      notices: what a person should know, a line each.
    """

    source: Source
    probabilities: np.ndarray
    num_clips: int
    num_frames: int
    fps: float
    spans: dict[int, tuple[int, int]]
    chosen: np.ndarray
    seen: int
    teacher: Answers
    student: Answers
    scores: np.ndarray | None = None
    sampler: np.ndarray | None = None
    confidence: np.ndarray | None = None
    of_clip: tuple[float, float] = (1.0, 1.0)
    step: int = 0
    alone: bool = False
    notices: tuple[str, ...] = ()

    def by(self, clip: int) -> str:
        """Returns who has answered a clip: "teacher", "sampler" or "both"; "": nobody.

        Where there is one network alone it is "run".
        """
        asked = clip in self.teacher.clips, clip in self.student.clips
        if self.alone and any(asked):
            return "run"
        return {(True, True): "both", (True, False): "teacher", (False, True): "sampler"}.get(
            asked, ""
        )

    def seconds(self, clip: int) -> tuple[float, float] | None:
        """Returns when a clip begins and ends; None: the frame rate is not known."""
        if not self.fps:
            return None
        begin, end = self.spans[clip]
        return begin / self.fps, min(end, self.num_frames) / self.fps

    def are_neighbours(self, clip: int, other: int) -> bool:
        """Whether a clip is followed by another one without a clip between them."""
        return self.spans[other][0] - self.spans[clip][0] <= self.step

    def clip_probabilities(self) -> dict[int, np.ndarray]:
        """Returns the probabilities [k] of each clip that a classifier saw, the teacher's first."""
        found: dict[int, np.ndarray] = {}
        if self.sampler is not None:
            found |= dict(enumerate(softmax(self.of_clip[1] * self.sampler)))
        rows: dict[int, list[np.ndarray]] = {}
        for clip, logits in zip(self.teacher.clips.tolist(), self.teacher.logits, strict=True):
            rows.setdefault(clip, []).append(softmax(self.of_clip[0] * logits))
        found |= {clip: np.mean(each, axis=0) for clip, each in rows.items()}
        return dict(sorted(found.items()))
