"""Every selector at every K on cached scores: no network is asked again.

v videos, k classes, Ks are numbers of clips. Results are kept for each video, so that differences
between selectors are paired. A study of 1,260 videos takes seconds. In float64 the scores of
Kinetics are tens of gigabytes, so that they are made of some videos at a time.
"""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from vidkd_jax.evaluation.metrics import top_k_correct
from vidkd_jax.evaluation.predictions import sigmoid, softmax
from vidkd_jax.inference import selectors
from vidkd_jax.inference.aggregation import is_sure
from vidkd_jax.inference.scores import Scores
from vidkd_jax.inference.selectors import Evidence

_SEED = 0  # of selectors that draw
_AT_ONCE = 2**22  # numbers of padded scores that are computed at a time


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a way to choose clips achieves.

    Attributes:
      probabilities: of each video, [passes, settings, v, k].
      correct: whether each video's top-1 class is right, [passes, settings, v].
      seen: how many clips of each video the teacher sees, [passes, settings, v].
    """

    probabilities: np.ndarray
    correct: np.ndarray
    seen: np.ndarray

    @property
    def top1(self) -> np.ndarray:
        """Video@1 of each pass and setting, [passes, settings]."""
        return self.correct.mean(axis=-1)

    @property
    def clips(self) -> np.ndarray:
        """Mean number of the teacher's clips a video, [passes, settings]."""
        return self.seen.mean(axis=-1)


class Study:
    """Selectors on the scores of one split.

    Attributes:
      scores: of its clips.
    """

    def __init__(self, scores: Scores) -> None:
        self.scores = scores
        counts = scores.counts
        starts = np.cumsum(counts) - counts
        place = np.arange(len(scores.videos)) - starts[scores.videos]
        self._counts, self._place = counts, place
        self._bounds = list(zip(starts.tolist(), (starts + counts).tolist(), strict=True))

    def selected(self, name: str, ks: Sequence[int], *, passes: int = 1) -> Outcome:
        """Returns what a selector achieves at each K.

        Args:
          name: of the selector.
          ks: numbers of clips; a video that has fewer uses all of them.
          passes: how often the choice is made anew; selectors that draw differ between passes.

        Raises:
          InputError: there is no such selector, or the scores lack what it needs.
          ValueError: a K is not 1 or more.
        """
        masks = self._some(name, ks, passes)
        return self._outcome(self._mean(masks), masks.sum(axis=-1))

    def chosen(self, name: str, ks: Sequence[int], *, passes: int = 1) -> np.ndarray:
        """Returns which clips a selector chooses, bool [passes, Ks, n]; see `selected`."""
        masks = self._some(name, ks, passes)
        return masks[..., self.scores.videos, self._place]

    def divided(self, name: str, k: int, student_ks: Sequence[int]) -> Outcome:
        """Returns what the division of K = K_s + K_t achieves at each K_s (thesis, Table 4.7).

        The student answers the K_s clips of lowest entropy, the teacher the K_t first clips of the
        selector. Clips that both answer count once, with the mean of the two.

        Args:
          name: of the selector that chooses the teacher's clips.
          k: K.
          student_ks: values of K_s in 0..k.

        Raises:
          InputError: the sampler has no classifier; or see `selected`.
          ValueError: a K_s is not in 0..k.
        """
        if not all(0 <= each <= k for each in student_ks):
            raise ValueError(f"K_s {[*student_ks]}: must be in 0..{k}")
        by_teacher = self._chosen(name, [k - each for each in student_ks])
        by_student = self._chosen("entropy", student_ks)
        assert self.scores.sampler is not None  # choosing by entropy has looked
        means = self._no_means(by_teacher)
        for videos in self._blocks():
            of_teacher, of_student = by_teacher[:, :, videos], by_student[:, :, videos]
            sums = of_teacher[..., None] * self._padded(self.scores.teacher, videos)
            sums = sums + of_student[..., None] * self._padded(self.scores.sampler, videos)
            counts = of_teacher.astype(int) + of_student
            rows = sums / np.maximum(counts, 1)[..., None]
            answered = counts > 0
            means[:, :, videos] = rows.sum(axis=-2) / answered.sum(axis=-1)[..., None]
        return self._outcome(means, by_teacher.sum(axis=-1))

    def stopped(
        self, name: str, k: int, thresholds: Sequence[float], *, passes: int = 1
    ) -> Outcome:
        """Returns what early stopping achieves at each threshold, as the engine's `stop_at` does.

        The teacher answers the chosen clips one by one, best first, until the running mean
        `is_sure`, or until K clips are answered.

        Args:
          name: of the selector.
          k: K, the most clips of a video; a selector that takes all clips has no such limit.
          thresholds: in (0, 1].
          passes: how often the choice is made anew; selectors that draw differ between passes.

        Raises:
          InputError: see `selected`.
        """
        masks = self._until_sure(name, k, thresholds, passes)
        return self._outcome(self._mean(masks), masks.sum(axis=-1))

    def chosen_until_sure(
        self, name: str, k: int, thresholds: Sequence[float], *, passes: int = 1
    ) -> np.ndarray:
        """Returns which clips the teacher sees, bool [passes, thresholds, n]; see `stopped`."""
        masks = self._until_sure(name, k, thresholds, passes)
        return masks[..., self.scores.videos, self._place]

    @property
    def _widest(self) -> int:
        return int(self._counts.max())

    def _blocks(self) -> Iterator[slice]:
        """Yields some videos at a time, whose padded scores are `_AT_ONCE` numbers or one video."""
        each = self._widest * self.scores.teacher.shape[1]
        at_once = max(_AT_ONCE // each, 1)
        for begin in range(0, len(self._counts), at_once):
            yield slice(begin, min(begin + at_once, len(self._counts)))

    def _clips(self, videos: slice) -> slice:
        """Returns the clips of some videos."""
        own = self._bounds[videos]
        return slice(own[0][0], own[-1][1])

    def _padded(self, logits: np.ndarray, videos: slice) -> np.ndarray:
        """Returns what is averaged over the clips of some videos.

        It is float64 [videos, widest, k], zero beyond a video's own clips.
        """
        clips = self._clips(videos)
        rows = softmax(logits[clips]) if self.scores.average == "softmax" else logits[clips]
        padded = np.zeros((len(self._counts[videos]), self._widest, rows.shape[1]))
        padded[self.scores.videos[clips] - videos.start, self._place[clips]] = rows
        return padded

    def _evidence(self) -> Iterator[Evidence]:
        """Yields what is known of each video's clips."""
        scores = self.scores
        confidence = None if scores.confidence is None else sigmoid(scores.confidence)
        for videos in self._blocks():
            clips = self._clips(videos)
            sampler = None if scores.sampler is None else softmax(scores.sampler[clips])
            teacher = softmax(scores.teacher[clips])
            own = zip(self._bounds[videos], scores.labels[videos], strict=True)
            for (begin, end), label in own:
                place = slice(begin - clips.start, end - clips.start)
                yield Evidence(
                    end - begin,
                    None if sampler is None else sampler[place],
                    None if confidence is None else confidence[begin:end],
                    teacher[place],
                    int(label),
                )

    def _orders(self, name: str, k: int, number: int) -> list[np.ndarray]:
        """Returns each video's chosen clips, best first, in the pass of this number."""
        every = enumerate(self._evidence())
        return [_order(name, evidence, k, number, video) for video, evidence in every]

    def _some(self, name: str, ks: Sequence[int], passes: int) -> np.ndarray:
        """Returns which clips are chosen, as `_chosen`, at least one of each video."""
        if not all(k >= 1 for k in ks):
            raise ValueError(f"K {[*ks]}: must be 1 or more")
        return self._chosen(name, ks, passes=passes)

    def _chosen(self, name: str, ks: Sequence[int], *, passes: int = 1) -> np.ndarray:
        """Returns which clips are chosen, bool [passes, Ks, v, widest]; none for K = 0."""
        masks = np.zeros((passes, len(ks), len(self._counts), self._widest), bool)
        ranked = selectors.lookup(name).score is not None
        for video, evidence in enumerate(self._evidence()):
            for number in range(passes):
                order = np.empty(0, int)
                for place, k in enumerate(ks):
                    if not ranked or not place:  # the K best are the first of all, ranked
                        asked = max(ks) if ranked else k
                        order = _order(name, evidence, asked, number, video)
                    masks[number, place, video, order[:k] if ranked else order] = True
        return masks

    def _until_sure(
        self, name: str, k: int, thresholds: Sequence[float], passes: int
    ) -> np.ndarray:
        """Returns which clips are seen by threshold, bool [passes, thresholds, v, widest]."""
        masks = np.zeros((passes, len(thresholds), len(self._counts), self._widest), bool)
        number = np.arange(1, self._widest + 1)
        for each in range(passes):
            every = self._orders(name, k, each)
            for videos in self._blocks():
                orders = every[videos]
                most = np.array([[len(order)] for order in orders])
                # [v, widest]: repeats behind the chosen clips are never looked at
                rows = np.array([np.resize(order, self._widest) for order in orders])
                padded = self._padded(self.scores.teacher, videos)
                ordered = np.take_along_axis(padded, rows[..., None], axis=1)
                so_far = self._probabilities(np.cumsum(ordered, axis=1) / number[:, None])
                for place, threshold in enumerate(thresholds):
                    stops = is_sure(so_far, threshold) | (number == most)
                    found, seen = np.nonzero(number <= stops.argmax(axis=1)[:, None] + 1)
                    masks[each, place, videos.start + found, rows[found, seen]] = True
        return masks

    def _mean(self, masks: np.ndarray) -> np.ndarray:
        """Returns the teacher's mean score of the chosen clips, [passes, settings, v, k]."""
        means = self._no_means(masks)
        for videos in self._blocks():
            own, padded = masks[:, :, videos], self._padded(self.scores.teacher, videos)
            sums = np.einsum("pkvn,vnc->pkvc", own, padded, optimize=True)
            means[:, :, videos] = sums / own.sum(axis=-1)[..., None]
        return means

    def _no_means(self, masks: np.ndarray) -> np.ndarray:
        """Returns an array [passes, settings, v, k] to be filled, for masks of its first three."""
        return np.empty((*masks.shape[:3], self.scores.teacher.shape[1]))

    def _probabilities(self, means: np.ndarray) -> np.ndarray:
        """Returns the probabilities that mean scores [..., k] stand for."""
        return means if self.scores.average == "softmax" else softmax(means)

    def _outcome(self, means: np.ndarray, seen: np.ndarray) -> Outcome:
        """Judges videos' mean scores [passes, settings, v, k]."""
        *lead, classes = means.shape
        labels = np.broadcast_to(self.scores.labels, lead).reshape(-1)
        correct = top_k_correct(means.reshape(-1, classes), labels, 1)
        return Outcome(
            self._probabilities(means), correct.reshape(lead), np.broadcast_to(seen, lead)
        )


def _order(name: str, evidence: Evidence, k: int, number: int, video: int) -> np.ndarray:
    """Returns the clips that a selector chooses of a video in a pass, best first; none for K = 0.

    Args:
      name: of the selector.
      evidence: what is known of the video's clips.
      k: K.
      number: of the pass.
      video: its number.
    """
    if not k:
        return np.empty(0, int)
    return selectors.choose(name, evidence, k, np.random.default_rng((_SEED, number, video)))
