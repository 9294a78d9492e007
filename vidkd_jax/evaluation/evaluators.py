"""Evaluators by name: which outputs of a network they read, and the figures that they give.

A method names the evaluators that judge its student after an epoch and at the end. A new one is a
function that `register` gives a name.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from vidkd_jax.errors import InputError, naming
from vidkd_jax.evaluation.binary import average_precision, rates, roc_auc
from vidkd_jax.evaluation.collect import Collected
from vidkd_jax.evaluation.metrics import (
    confusion_matrix,
    negative_log_likelihood,
    top_k_correct,
)
from vidkd_jax.evaluation.predictions import sigmoid, softmax, summarise
from vidkd_jax.registry import Registry

# Figures by name (accuracies as shares of 1), and arrays for pictures, saved as <evaluator>.npz.
Found = tuple[dict[str, float], dict[str, np.ndarray]]

_NEIGHBOURS = (1, 5, 10, 20, 50)  # PCL's and VCOP's retrieval
_AT_ONCE = 1024  # videos whose neighbours are looked for


class Options(NamedTuple):
    """How figures are computed.

    Attributes:
      average: of a video's clips: "softmax" or "logits".
      bins: of the calibration error.
      num_classes: of the data set.
    """

    average: str
    bins: int
    num_classes: int


class Judged(NamedTuple):
    """What evaluators found.

    Attributes:
      scores: figures by name.
      arrays: what pictures need, by evaluator and name.
    """

    scores: dict[str, float]
    arrays: dict[str, dict[str, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Evaluator:
    """One way to judge a network.

    Attributes:
      outputs: that it reads.
      judge: (judged split, training split or None, options) -> what it finds. A figure is a number
        whose name neither another evaluator of the method nor summary.json has; validation refuses
        one that is not finite. The name of an array is an identifier.
      learns: whether it needs the training split's outputs, too.
      reads: names of the sources of teachers whose answers it reads, `Collected.taught`.
      variants: whether it judges the outputs for the method's variants of each clip, [m, ways, ...]
        (`Method.variants`), instead of those for the clips as they are.
    """

    outputs: tuple[str, ...]
    judge: Callable[[Collected, Any, Options], Found]
    learns: bool = False
    reads: tuple[str, ...] = ()
    variants: bool = False


def _classification(judged: Collected, train: Collected | None, options: Options) -> Found:
    """Clip@1, Video@1, calibration: of the classifier "logits"."""
    del train
    predictions = judged.predictions("logits")
    return summarise(predictions, average=options.average, bins=options.bins), {}


def _linear_probe(judged: Collected, train: Collected, options: Options) -> Found:
    """A logistic regression on the frozen features of the training videos.

    Each video's features are averaged over its clips. Features are scaled to deviation 1, and the
    regression has scikit-learn's L2 penalty of C = 1. The arrays are its answers of the videos.
    """
    from sklearn.linear_model import LogisticRegression  # a second to import: only where asked for
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features, labels, _ = train.by_video("features")
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    probe.fit(features, labels)
    asked, truth, videos = judged.by_video("features")
    scores = np.full((len(asked), options.num_classes), -np.inf)
    scores[:, probe.classes_] = probe.predict_log_proba(asked)
    figures = {f"probe_top{k}": float(top_k_correct(scores, truth, k).mean()) for k in (1, 5)}
    return figures, {"logits": scores.astype(np.float32), "labels": truth, "videos": videos}


def _nearest_neighbours(judged: Collected, train: Collected, options: Options) -> Found:
    """Retrieval by cosine: whether one of the k nearest training videos has the video's class.

    Where there are fewer than k, that is whether any has it.
    """
    del options
    known, labels, _ = train.by_video("features")
    asked, truth, _ = judged.by_video("features")
    known = _unit(known).T
    hits = np.zeros((len(asked), min(max(_NEIGHBOURS), len(labels))), bool)
    for begin in range(0, len(asked), _AT_ONCE):  # not all distances at a time: they are many
        rows = slice(begin, begin + _AT_ONCE)
        nearest = np.argsort(-(_unit(asked[rows]) @ known), axis=1, kind="stable")
        hits[rows] = labels[nearest[:, : hits.shape[1]]] == truth[rows, None]
    return {f"retrieval_top{k}": float(hits[:, :k].any(axis=1).mean()) for k in _NEIGHBOURS}, {}


def _unit(features: np.ndarray) -> np.ndarray:
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def _pretext(judged: Collected, train: Collected | None, options: Options) -> Found:
    """Whether the transforms of a pretext task are told apart: logits [m, ways, ways]; PCL.

    Every clip is shown after every transform that is possible for it, so chance is one in as many
    as there are. These are no figures of actions.
    """
    del train
    shown = judged.outputs["pretext"]
    count, ways, _ = shown.shape
    possible = judged.outputs.get("possible", np.ones((count, ways), bool)).reshape(-1)
    logits = shown.reshape(count * ways, ways)[possible]
    labels = np.tile(np.arange(ways), count)[possible]
    figures = {
        "pretext_top1": float(top_k_correct(logits, labels, 1).mean()),
        "pretext_nll": float(negative_log_likelihood(softmax(logits), labels)),
    }
    return figures, {"confusion": confusion_matrix(logits.argmax(axis=1), labels, ways)}


def _features(judged: Collected, train: Collected | None, options: Options) -> Found:
    """The features of each video, for a picture."""
    del train, options
    features, labels, videos = judged.by_video("features")
    return {}, {"features": features.astype(np.float32), "labels": labels, "videos": videos}


def _confidence(judged: Collected, train: Collected | None, options: Options) -> Found:
    """How well the confidence says on which clips the trained teachers, averaged, are right.

    `confidence_auroc` is how well it ranks the clips, `confidence_ap_right` and
    `confidence_ap_wrong` the average precision of finding those on which the teacher is right, and
    wrong. `confidence_fpr` and `confidence_tpr` are the rates of clips above 0.5 among those that
    the teacher gets wrong, and right; `teacher_right` is the share of the latter.
    """
    del train, options
    labels = judged.predictions("confidence").labels
    right = top_k_correct(judged.taught["frozen"], labels, 1)
    figures, arrays = _trust(judged, right)
    return {**figures, "teacher_right": float(right.mean())}, arrays


def _own_confidence(judged: Collected, train: Collected | None, options: Options) -> Found:
    """Returns how far the student's confidence says where the student itself is right."""
    del train, options
    own = judged.predictions("logits")
    figures, arrays = _trust(judged, top_k_correct(own.logits, own.labels, 1))
    return {f"own_{name}": figure for name, figure in figures.items()}, arrays


def _trust(judged: Collected, right: np.ndarray) -> Found:
    """Returns figures and arrays of the output "confidence", logits, for answers bool [clips]."""
    rows = judged.predictions("confidence")
    logits = rows.logits[:, 0].astype(np.float64)
    probabilities = sigmoid(logits)
    false_rate, true_rate = rates(logits > 0, right)
    figures = {
        "confidence_auroc": roc_auc(logits, right),
        "confidence_ap_right": average_precision(logits, right),
        "confidence_ap_wrong": average_precision(-logits, ~right),
        "confidence_fpr": false_rate,
        "confidence_tpr": true_rate,
        "confidence_mean": float(probabilities.mean()),
    }
    return figures, {"confidence": probabilities, "right": right, "videos": rows.videos}


_EVALUATORS = Registry[Evaluator](
    "evaluator",
    {
        "classification": Evaluator(("logits",), _classification),
        "linear_probe": Evaluator(("features",), _linear_probe, learns=True),
        "nearest_neighbours": Evaluator(("features",), _nearest_neighbours, learns=True),
        "features": Evaluator(("features",), _features),
        "pretext": Evaluator(("pretext",), _pretext, variants=True),
        "confidence": Evaluator(("confidence",), _confidence, reads=("frozen",)),
        "own_confidence": Evaluator(("confidence", "logits"), _own_confidence),
    },
)
_FILES = frozenset({"predictions"})  # .npz, that a run writes itself
_ARGUMENTS = frozenset({"file", "allow_pickle"})  # of np.savez_compressed, beside arrays by name


def register(name: str, evaluator: Evaluator) -> None:
    """Adds an evaluator of one's own; see `Registry.add`.

    Raises:
      ValueError: an evaluator of ours has this name, or it is none for the file of its arrays.
    """
    if not name.isidentifier() or name in _FILES:
        raise ValueError(
            f"'{name}' is no name for an evaluator, whose arrays go to NAME.npz: use letters, "
            f"digits and _, and not {', '.join(_FILES)}"
        )
    _EVALUATORS.add(name, evaluator)


def outputs_of(names: Iterable[str]) -> tuple[str, ...]:
    """Returns the outputs that these evaluators read, sorted."""
    return tuple(sorted({output for name in names for output in _EVALUATORS[name].outputs}))


def of_variants(names: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the evaluators of clips as they are, and those of a method's variants of them."""
    names = tuple(names)
    of_clips = tuple(name for name in names if not _EVALUATORS[name].variants)
    return of_clips, tuple(name for name in names if _EVALUATORS[name].variants)


def learning(names: Iterable[str]) -> tuple[str, ...]:
    """Returns those of these evaluators that learn from the training split."""
    return tuple(name for name in names if _EVALUATORS[name].learns)


def sources_of(names: Iterable[str]) -> frozenset[str]:
    """Returns the sources of teachers whose answers these evaluators read."""
    return frozenset(source for name in names for source in _EVALUATORS[name].reads)


def merged(*figures: Mapping[str, float]) -> dict[str, float]:
    """Returns figures of several origins.

    Raises:
      InputError: two of them have the same name.
    """
    found: dict[str, float] = {}
    for each in figures:
        if twice := sorted(found.keys() & each.keys()):
            raise InputError(
                f"there is a figure '{twice[0]}' already; let an evaluator of your own call its "
                "own otherwise"
            )
        found |= each
    return found


def judge(
    names: Iterable[str], judged: Collected, train: Collected | None, options: Options
) -> Judged:
    """Returns what evaluators find.

    Args:
      names: of the evaluators.
      judged: a network's outputs for the split that is judged, and what its teachers say of it.
      train: its outputs for the training split, where an evaluator learns from it.
      options: how figures are computed.

    Raises:
      InputError: a figure is no number, two evaluators have one of the same name, or an array
        cannot be saved.
    """
    scores: dict[str, float] = {}
    arrays: dict[str, dict[str, np.ndarray]] = {}
    for name in names:
        found, pictures = _EVALUATORS[name].judge(judged, train, options)
        with naming(f"evaluator '{name}'"):
            scores = merged(
                scores, {figure: _number(figure, each) for figure, each in found.items()}
            )
            if pictures:
                arrays[name] = {part: _array(part, each) for part, each in pictures.items()}
    return Judged(scores, arrays)


def _number(figure: str, value: Any) -> float:
    with contextlib.suppress(TypeError, ValueError):
        if not isinstance(value, str | bytes):  # of which float() reads digits
            return float(value)
    raise InputError(f"figure '{figure}' is {value!r}, no number")


def _array(name: Any, value: Any) -> np.ndarray:
    """Returns what a .npz file can hold under a name, as an array."""
    if not (isinstance(name, str) and name.isidentifier()) or name in _ARGUMENTS:
        raise InputError(
            f"{name!r} is no name for an array in a .npz file; use letters, digits and _, and not "
            f"{', '.join(sorted(_ARGUMENTS))}"
        )
    with contextlib.suppress(TypeError, ValueError):  # of lists of several lengths
        array = np.asarray(value)
        if not array.dtype.hasobject:
            return array
    raise InputError(
        f"'{name}' is a {type(value).__name__} that no array of numbers or texts holds"
    )


def is_ours(name: str) -> bool:
    """Whether an evaluator is one of ours."""
    return name in _EVALUATORS.ours


def known() -> Mapping[str, Evaluator]:
    """Returns all evaluators by name."""
    return dict(_EVALUATORS)
