"""What a reader of a run's figures must know before believing them, as plain sentences."""

from collections.abc import Iterator, Mapping
from typing import Any

from vidkd_jax.augment.pretext import TRANSFORMS
from vidkd_jax.evaluation.calibration import LARGEST_TEMPERATURE
from vidkd_jax.report.formats import percent

PRETEXT_CHANCE = 1 / len(TRANSFORMS)
_HARDLY = 1.25  # times chance
_PROBE_GAIN = 0.05  # of a linear probe over that of random weights
_UNEVEN = 0.1  # of the test videos, above the mean over the classes
_GUESSING = 0.99  # of the largest temperature that is tried


def cautions(summary: Mapping[str, Any]) -> Iterator[str]:
    """Yields one text for each reason to doubt the headline figures of a summary."""
    yield from _of_classes(summary)
    yield from _of_other_tasks(summary)
    yield from _of_videos(summary)


def _of_classes(summary: Mapping[str, Any]) -> Iterator[str]:
    """Yields reasons to doubt how well it tells classes apart."""
    if summary.get("model_selection") == "test":
        yield (
            "The best epoch of this run or of a teacher was selected on the test split "
            '(data.val = "test"), so the test numbers are optimistic.'
        )
    if summary.get("on_other_lists"):
        yield (
            "A teacher, or the weights that this run started from, were trained on other lists of "
            "this data set than the ones here. Test videos of this run may be among those, and "
            "then the test numbers are too good. Train them again on these lists."
        )
    commonest = summary.get("commonest_class")
    if commonest == 1:
        yield (
            "All test videos are of one class, so that the test says nothing about telling classes "
            "apart. Add test videos of the others."
        )
    elif commonest is not None and summary.get("video_top1", 1.0) <= commonest:
        yield (
            f"Always answering the commonest class would be right for {percent(commonest)} of the "
            f"test videos, and this network is not right more often. {_remedy(summary, commonest)}"
        )
    elif summary.get("video_top1", 0.0) - summary.get("mean_class_accuracy", 1.0) > _UNEVEN:
        yield (
            f"Of the test videos {percent(summary['video_top1'])} are answered right, on average "
            f"over the classes {percent(summary['mean_class_accuracy'])}: classes of few videos "
            "are right less often. Add videos of these, or show them as often as the others "
            "(data.balanced = True)."
        )
    else:
        yield from _never_right(summary)
    if summary.get("video_temperature", 1.0) >= _GUESSING * LARGEST_TEMPERATURE:
        yield (
            "On the validation videos its answers are no better than guesses, all clips of a video "
            "together: no temperature makes them say how sure it is, and `predict --calibrated` "
            "would call all classes alike. Train for more epochs, or validate on more videos."
        )


def _never_right(summary: Mapping[str, Any]) -> Iterator[str]:
    """Yields a text where a network that tells classes apart has some that it never finds."""
    if never := int(summary.get("classes_never_right", 0)):
        yield (
            f"Of {summary['num_classes']} classes {never} {'is' if never == 1 else 'are'} never "
            "right on the test videos, although others are. The table of classes says what they "
            "are taken for; more videos of these help most."
        )


def _of_other_tasks(summary: Mapping[str, Any]) -> Iterator[str]:
    """Yields reasons to doubt what it has learnt beside classes, or without them."""
    if summary.get("pretext_top1", 1.0) <= _HARDLY * PRETEXT_CHANCE:
        yield (
            f"Its own task is right for {percent(summary['pretext_top1'])} of the clips, by chance "
            f"{percent(PRETEXT_CHANCE)}: it has learnt hardly anything yet, and can teach "
            "nothing. Train for more epochs."
        )
    untrained = summary.get("untrained_probe_top1")
    if untrained is not None and summary["probe_top1"] - untrained < _PROBE_GAIN:
        yield (
            f"A linear probe of its features is right for {percent(summary['probe_top1'])} of the "
            f"test videos, of random weights for {percent(untrained)}: it has learnt little that "
            "tells these classes apart. Train for more epochs, or on more videos."
        )
    if (right := summary.get("teacher_right")) in (0, 1):
        yield (
            f"The teacher is {'always' if right else 'never'} right on the test clips, so that "
            "there is nothing to rank, and the AUROC of the confidence means nothing. Test on "
            f"{'harder videos' if right else 'videos that the teacher knows'}."
        )
    elif summary.get("confidence_auroc", 1.0) <= 0.5:
        yield (
            f"Its confidence ranks clips no better than chance (AUROC "
            f"{summary['confidence_auroc']:.3f}, chance 0.5): the clips that it chooses mean "
            "nothing. Train for more epochs, or with a teacher that is right more often."
        )


def _of_videos(summary: Mapping[str, Any]) -> Iterator[str]:
    """Yields reasons to believe that test videos are too much like those that trained."""
    groups = summary.get("groups", {})  # older runs do not say
    if unknown := groups.get("unknown", 0):
        yield (
            f"The recording of {unknown:,} of {sum(groups.values()):,} videos is not known. If "
            "several clips were cut from one recording, some of them may be in training and others "
            "in the test, and then the test numbers are too good. Put the clips of each recording "
            "into a folder of their own, as in CLASS/RECORDING/clip.mp4, and build again."
        )
    if guessed := groups.get("guessed", 0):
        yield (
            f"The recording of {guessed:,} videos is guessed from the names of their files. If the "
            "guess is wrong, the test numbers may be too good."
        )


def _remedy(summary: Mapping[str, Any], commonest: float) -> str:
    """Returns what helps a network that is not better than always answering one class."""
    if commonest <= 1.5 / summary["num_classes"]:  # all classes have about as many videos
        return "It has learnt nothing about the classes yet: train for more epochs."
    return "Look at the accuracy of each class; more videos of the rare classes help most."
