"""Selectors: from what is known of one video's clips to the clips that the teacher is to see.

A selector is a function that `ranking` or `selector` registers under a name. Everything here is
NumPy, about one video at a time: n clips, k classes. Chosen clips are returned best first. Of clips
with equal scores the earlier one comes first, and a score that is NaN comes last.
"""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from vidkd_jax.errors import InputError
from vidkd_jax.registry import Registry


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What is known of one video's clips.

    Attributes:
      num_clips: n.
      probabilities: the sampler's, [n, k]; None: there is no sampler, or it has no classifier.
      confidence: the sampler's belief that the teacher will be right, z~ in [0, 1], [n] (thesis,
        section 3.1.1); None: the sampler has no such head.
      teacher: the teacher's probabilities, [n, k]; None outside of studies.
      label: the video's class; None outside of studies.
    """

    num_clips: int
    probabilities: np.ndarray | None = None
    confidence: np.ndarray | None = None
    teacher: np.ndarray | None = None
    label: int | None = None


Score = Callable[[Evidence, np.random.Generator], np.ndarray]
Choose = Callable[[Evidence, int, np.random.Generator], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Selector:
    """A way to choose clips.

    Attributes:
      choose: from (evidence, K, generator) to the numbers of the chosen clips, int [min(K, n)],
        best first.
      needs: fields of `Evidence` that it reads.
      score: from (evidence, generator) to a score of each clip, [n], where the K clips with the
        highest scores are chosen; else None. A clip's score must depend on nothing but this clip:
        the engine asks for it when the clip comes, with the evidence of one clip, and again of all
        clips at the end. So such a selector works on a stream: whichever K clips are the best so
        far are kept. A score that draws must draw the same count of numbers for each clip, clip by
        clip.
      takes_all: whether all clips are chosen, whatever K.
    """

    choose: Choose
    needs: tuple[str, ...] = ()
    score: Score | None = None
    takes_all: bool = False

    @property
    def needs_sampler(self) -> bool:
        """Whether a sampler must see all clips."""
        return bool({"probabilities", "confidence"} & {*self.needs})

    @property
    def cheats(self) -> bool:
        """Whether it reads what only a study knows: labels, or all of the teacher's answers."""
        return bool({"teacher", "label"} & {*self.needs})


_SELECTORS = Registry[Selector]("selector", {})  # ours follow


def ranking(name: str, *, needs: tuple[str, ...] = ()) -> Callable[[Score], Score]:
    """Registers a score as a selector: the clips with the K highest scores are chosen.

    Args:
      name: of the selector.
      needs: fields of `Evidence` that the score reads; without them `choose` refuses.

    Returns:
      A decorator of functions as of `Selector.score`; it returns them as they are.

    Raises:
      ValueError: a selector of ours has this name.
    """

    def register(score: Score) -> Score:
        def choose_best(evidence: Evidence, k: int, rng: np.random.Generator) -> np.ndarray:
            return best(score(evidence, rng), k)

        _SELECTORS.add(name, Selector(choose_best, needs, score))
        return score

    return register


def selector(
    name: str, *, needs: tuple[str, ...] = (), takes_all: bool = False
) -> Callable[[Choose], Choose]:
    """Registers a function from (evidence, K, generator) to clip numbers, with 1 <= K <= n.

    Args:
      name: of the selector.
      needs: fields of `Evidence` that the function reads; without them `choose` refuses.
      takes_all: whether it chooses all clips, whatever K.

    Returns:
      A decorator of functions as of `Selector.choose`; it returns them as they are.

    Raises:
      ValueError: a selector of ours has this name.
    """

    def register(choose_clips: Choose) -> Choose:
        _SELECTORS.add(name, Selector(choose_clips, needs, takes_all=takes_all))
        return choose_clips

    return register


def lookup(name: str) -> Selector:
    """Returns a selector.

    Raises:
      InputError: there is none of this name.
    """
    return _SELECTORS.lookup(name, "--selector")


def known() -> Mapping[str, Selector]:
    """Returns all selectors by name."""
    return dict(_SELECTORS)


def choose(name: str, evidence: Evidence, k: int, rng: np.random.Generator) -> np.ndarray:
    """Returns the numbers of the chosen clips of a video, best first, int [min(k, n)].

    Args:
      name: of the selector.
      evidence: of the video's clips, at least one.
      k: how many clips are wanted; with more than there are, all are chosen.
      rng: for selectors that draw.

    Raises:
      InputError: there is no such selector, the evidence lacks what it needs, or what the selector
        returns is no choice.
      ValueError: `k` is less than 1, or the video has no clip.
    """
    found = lookup(name)
    if k < 1 or evidence.num_clips < 1:
        raise ValueError(f"{k} of {evidence.num_clips} clips: at least 1 of 1 is needed")
    for field in found.needs:
        if getattr(evidence, field) is None:
            raise InputError(f"selector '{name}' needs the clips' {field}, which is not known")
    chosen = np.asarray(found.choose(evidence, min(k, evidence.num_clips), rng))
    there = {*chosen.ravel().tolist()} & {*range(evidence.num_clips)}
    if chosen.ndim != 1 or chosen.dtype.kind not in "iu" or not 0 < len(chosen) == len(there):
        raise InputError(
            f"selector '{name}' chose {chosen.tolist()} of {evidence.num_clips} clips; it must "
            "return the numbers of different clips, whole numbers from 0"
        )
    return chosen


def best(scores: np.ndarray, k: int) -> np.ndarray:
    """Returns the positions of the k highest scores, highest first; NaN is lowest."""
    return np.argsort(-scores, kind="stable")[:k]


@selector("dense", takes_all=True)
def dense(evidence: Evidence, k: int, rng: np.random.Generator) -> np.ndarray:
    """All clips, in their order."""
    del k, rng
    return np.arange(evidence.num_clips)


@ranking("random")
def random(evidence: Evidence, rng: np.random.Generator) -> np.ndarray:
    """Uniformly random clips without repetition (thesis, section 4.3)."""
    return rng.random(evidence.num_clips)


@selector("equidistant")
def equidistant(evidence: Evidence, k: int, rng: np.random.Generator) -> np.ndarray:
    """The clip in the middle of each of K equal parts of the video, in their order.

    Thesis, section 4.3, which does not say where the first clip lies.
    """
    del rng
    return ((np.arange(k) + 0.5) * evidence.num_clips / k).astype(int)


@ranking("entropy", needs=("probabilities",))
def negative_entropy(evidence: Evidence, rng: np.random.Generator) -> np.ndarray:
    """The clips of lowest predictive entropy (thesis, eq. 4.1), of which the sampler is surest.

    The thesis sorts scores "in descending order" (section 3.1.2). That is meant for confidence: a
    high entropy is a low confidence, so the lowest entropy comes first.
    """
    del rng
    return -entropy(_there(evidence.probabilities))


@ranking("confidence", needs=("confidence",))
def confidence(evidence: Evidence, rng: np.random.Generator) -> np.ndarray:
    """The clips with the highest z~ (thesis, section 3.1.2)."""
    del rng
    return _there(evidence.confidence)


@ranking("oracle", needs=("teacher", "label"))
def oracle(evidence: Evidence, rng: np.random.Generator) -> np.ndarray:
    """The clips of which the teacher gives the label the highest probability: an upper bound.

    Thesis, section 4.3. It reads the label, so it is for studies.
    """
    del rng
    return _there(evidence.teacher)[:, evidence.label]


@ranking("oracle_null", needs=("teacher",))
def oracle_null(evidence: Evidence, rng: np.random.Generator) -> np.ndarray:
    """The oracle with a random class instead of the label: its null control."""
    teacher = _there(evidence.teacher)
    return teacher[:, rng.integers(teacher.shape[1])]


_SELECTORS.ours = frozenset(_SELECTORS)


def entropy(probabilities: np.ndarray) -> np.ndarray:
    """Returns H = -sum_c p_c log p_c in nats over the last axis (thesis, eq. 4.1); 0 log 0 is 0."""
    p = np.asarray(probabilities, np.float64)
    return -(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=-1)


def _there(values: np.ndarray | None) -> np.ndarray:
    """Narrows the type of a field that `choose` has checked."""
    assert values is not None
    return values
