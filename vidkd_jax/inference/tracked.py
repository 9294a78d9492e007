"""One video on its way through sampler, choice and teacher."""

import numpy as np

from vidkd_jax.errors import InputError
from vidkd_jax.evaluation.predictions import sigmoid, softmax
from vidkd_jax.inference.aggregation import Answers, aggregate, divide
from vidkd_jax.inference.batching import Rows
from vidkd_jax.inference.candidates import Candidates
from vidkd_jax.inference.loaded import CONFIDENCE
from vidkd_jax.inference.selectors import Evidence, Selector
from vidkd_jax.inference.sources import End, Source

_NO_CLIPS = np.zeros(0, np.int64)


class Tracked:
    """What is known of a video so far.

    Attributes:
      source: the video.
      spans: of its clips; see `sources.Clip`.
      rows: the sampler's outputs by clip.
      answered: the teacher's logits by clip, [k], or [n, k] of n clips that belong together.
      candidates: pixels of clips that may be chosen.
      unscored: pixels of clips that are at the sampler.
      end: set when all clips have been read.
      order: the teacher's clips, best first, once they are chosen.
      students: the sampler's clips.
      asked: how many clips of `order` the teacher has been asked about.
      pending: how many of its answers are still to come.
      done: whether nothing more is to come.
      error: why there is no answer.
    """

    def __init__(self, source: Source, rng: np.random.Generator, candidates: Candidates) -> None:
        self.source, self.candidates, self._rng = source, candidates, rng
        self.spans: dict[int, tuple[int, int]] = {}
        self.rows: dict[int, Rows] = {}
        self.answered: dict[int, np.ndarray] = {}
        self.unscored: dict[int, np.ndarray] = {}
        self.end: End | None = None
        self.order: np.ndarray | None = None
        self.students = _NO_CLIPS
        self.asked = self.pending = 0
        self.done = False
        self.error: InputError | None = None

    def score(self, selector: Selector, number: int, rows: Rows, pixels: np.ndarray) -> None:
        """Takes what the sampler says of the next clip, and keeps its pixels if it is good."""
        self.rows[number] = rows
        if selector.score is None:
            score = -float(number)  # nothing speaks for a clip yet
        else:
            (score,) = selector.score(_evidence([rows]), self._rng)
        self.candidates.add(number, float(score), pixels)

    @property
    def evidence(self) -> Evidence:
        """What the sampler has said of all clips."""
        return _evidence([self.rows.get(number, {}) for number in range(self.num_clips)])

    @property
    def num_clips(self) -> int:
        """Number of clips, known at the end."""
        return self.end.num_clips if self.end else 0

    def output(self, name: str) -> np.ndarray | None:
        """Returns an output of the sampler for all clips, [n, ...]; None: it does not have it."""
        return _output([self.rows.get(number, {}) for number in range(self.num_clips)], name)

    def own_logits(self, number: int) -> np.ndarray:
        """Returns the sampler's logits of a clip."""
        return self.rows[number]["logits"]

    @property
    def teacher(self) -> Answers:
        """The teacher's answers so far, in the clips' order."""
        return _answers(self.answered)

    @property
    def student(self) -> Answers:
        """The sampler's answers that count."""
        return _answers({clip: self.own_logits(clip) for clip in self.students.tolist()})

    def probabilities(self, average: str) -> np.ndarray:
        """Returns the answer so far, [k]."""
        if len(self.students):
            return divide(self.teacher, self.student, average)
        return aggregate(self.teacher, average)

    def scores(self, selector: Selector, rng: np.random.Generator) -> np.ndarray | None:
        """Returns the selector's scores of all clips, [n]; None: it has none."""
        return None if selector.score is None else selector.score(self.evidence, rng)


def _evidence(rows: list[Rows]) -> Evidence:
    confidence = _output(rows, CONFIDENCE)
    logits = _output(rows, "logits")
    return Evidence(
        len(rows),
        None if logits is None else softmax(logits),
        None if confidence is None else sigmoid(confidence[:, 0]),
    )


def _output(rows: list[Rows], name: str) -> np.ndarray | None:
    """Returns an output of all clips, [n, ...]; None: the sampler does not have it."""
    return np.stack([each[name] for each in rows]) if rows and name in rows[0] else None


def _answers(by_clip: dict[int, np.ndarray]) -> Answers:
    """Returns answers in the clips' order; of n clips that belong together each counts."""
    clips = sorted(by_clip)
    if not clips:
        return Answers(_NO_CLIPS, np.zeros((0, 1), np.float32))
    rows = [by_clip[clip].reshape(-1, by_clip[clip].shape[-1]) for clip in clips]
    return Answers(np.repeat(clips, [len(each) for each in rows]), np.concatenate(rows))
