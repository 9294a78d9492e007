"""The headline numbers and the tables of the report, as HTML."""

import html
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from vidkd_jax.report.closing import baselines
from vidkd_jax.report.formats import duration, gibibytes, integer, percent, three_digits

# For each part of the page: field of the summary, its name, its format, its meaning.
_CARDS: Mapping[str, Sequence[tuple[str, str, Callable[[float], str], str]]] = {
    "accuracy": (
        ("video_top5", "Video@5", percent, "label among the top five"),
        ("clip_top1", "Clip@1", percent, "of test clips correct"),
        ("clip_top5", "Clip@5", percent, "label among the top five"),
        ("val_clip_top1", "Validation", percent, "of clips correct, best epoch"),
    ),
    "calibration": (
        ("video_ece", "ECE, videos", three_digits, "calibration error; 0 is best"),
        ("calibrated_ece", "ECE, calibrated", three_digits, "of videos, by predict --calibrated"),
        ("clip_ece", "ECE, clips", three_digits, "calibration error; 0 is best"),
        ("video_nll", "NLL, videos", three_digits, "-log p(label), nats"),
        ("clip_nll", "NLL, clips", three_digits, "-log p(label), nats"),
        ("video_temperature", "Temperature", three_digits, "above 1: it is too sure of itself"),
    ),
    "confidence": (
        (
            "confidence_auroc",
            "AUROC",
            three_digits,
            "of whether the teacher is right; 0.5 is chance",
        ),
        ("own_confidence_auroc", "AUROC", three_digits, "of whether it is right; 0.5 is chance"),
        ("confidence_ap_wrong", "Average precision", three_digits, "of the teacher's mistakes"),
        ("teacher_right", "Teacher", percent, "of test clips correct"),
        ("confidence_fpr", "False positives", percent, "of its mistakes trusted above 0.5"),
        ("confidence_tpr", "True positives", percent, "of its right answers trusted above 0.5"),
    ),
    "features": (
        ("probe_top1", "Linear probe", percent, "of test videos correct, by actions"),
        (
            "untrained_probe_top1",
            "Random weights",
            percent,
            "of test videos, by their linear probe",
        ),
        ("retrieval_top1", "Retrieval@1", percent, "nearest training video has the action"),
        ("retrieval_top5", "Retrieval@5", percent, "one of the nearest five has it"),
    ),
    "pretext": (
        ("pretext_top1", "Pretext task", percent, "of transforms told right"),
        ("pretext_nll", "NLL", three_digits, "-log p(transform), nats"),
    ),
    "training": (
        ("best_epoch", "Best epoch", integer, "of the tested student"),
        ("epochs", "Epochs", integer, "trained"),
        ("train_seconds", "Training", duration, "without validation"),
        ("num_params", "Parameters", integer, "of the network that is kept"),
        ("clips_per_second", "Clips / second", "{:.1f}".format, "in training, median epoch"),
        ("data_wait_fraction", "Data wait", percent, "of training time; 0 is best"),
        ("peak_memory_bytes", "Peak memory", gibibytes, "of the device or the process"),
    ),
}


def first_cards(summary: Mapping[str, Any], evaluation: Mapping[str, Any]) -> str:
    """Returns the first row of the page: how good the student is, and where it fails.

    Args:
      summary: content of `summary.json`.
      evaluation: see `write_report`.
    """
    cards = []
    if (top1 := summary.get("video_top1")) is not None:
        beside = f"; {baselines(summary)}" if summary.get("num_classes") else ""
        if (low := summary.get("video_top1_low")) is not None:
            ends = f"{100 * low:.1f} to {percent(summary['video_top1_high'])}"
            beside = f", 95 % interval {ends}{beside}"
        cards.append(_card("Video@1", percent(top1), f"of test videos correct{beside}", " first"))
    if (mean := summary.get("mean_class_accuracy")) is not None:
        cards.append(_card("Mean over classes", percent(mean), "each class counts alike"))
    confusion = evaluation.get("confusion") or []
    if sum(map(sum, confusion)):
        cards += _class_cards(evaluation["class_names"], confusion)
    return _row(cards)


def _class_cards(names: Sequence[str], confusion: Sequence[Sequence[int]]) -> Iterator[str]:
    """Yields a card for the best and the worst class, and for the most frequent confusion."""

    def share(k: int) -> float:
        return confusion[k][k] / sum(confusion[k])

    tested = [k for k, row in enumerate(confusion) if sum(row)]
    ends = (("Best class", max(tested, key=share)), ("Worst class", min(tested, key=share)))
    for title, k in ends if share(ends[0][1]) > share(ends[1][1]) else ():
        right = f"{confusion[k][k]} of its {integer(sum(confusion[k]))} test videos correct"
        yield _card(title, names[k], right, " name")
    pairs = [(k, j) for k in tested for j in range(len(names)) if j != k and confusion[k][j]]
    if pairs:
        k, j = max(pairs, key=lambda pair: confusion[pair[0]][pair[1]])
        taken = f"{confusion[k][j]} of {integer(sum(confusion[k]))} test videos"
        yield _card("Most often confused", f"{names[k]} taken for {names[j]}", taken, " name")


def cards(part: str, summary: Mapping[str, Any]) -> str:
    """Returns one card for each figure of a part ("accuracy", ...) that the summary has."""
    return _row(
        _card(name, style(summary[field]), meaning)
        for field, name, style, meaning in _CARDS[part]
        if summary.get(field) is not None
    )


def _card(title: str, value: str, meaning: str, kind: str = "") -> str:
    return (
        f'<div class="card{kind}"><span>{title}</span><b>{html.escape(value)}</b>'
        f"<span>{meaning}</span></div>"
    )


def _row(shown: Iterable[str]) -> str:
    joined = "".join(shown)
    return f'<div class="cards">{joined}</div>' if joined else ""


def class_table(
    names: Sequence[str], per_class: Sequence[float | None], confusion: Sequence[Sequence[int]]
) -> str:
    """Returns the accuracy per class, best first; classes without a test video are last."""

    def accuracy(k: int) -> float:
        value = per_class[k]
        return -1.0 if value is None or math.isnan(value) else value

    rows = []
    for k in sorted(range(len(names)), key=lambda k: (-accuracy(k), names[k])):
        wrong = {j: count for j, count in enumerate(confusion[k]) if j != k and count}
        taken = max(wrong, key=wrong.__getitem__, default=None)
        rows.append(
            (
                html.escape(names[k]),
                str(k),
                _bar(accuracy(k)) if accuracy(k) >= 0 else "no test video",
                integer(sum(confusion[k])),
                "" if taken is None else f"{html.escape(names[taken])} ({wrong[taken]})",
            )
        )
    return html_table(("class", "label", "accuracy", "videos", "most frequent mistake"), rows)


def mistakes_table(mistakes: Sequence[Mapping[str, Any]]) -> str:
    """Returns the wrong predictions, those with the highest confidence first."""
    ranked = sorted(mistakes, key=lambda mistake: -mistake["confidence"])
    rows = [
        (
            html.escape(mistake["video"]),
            html.escape(mistake["label"]),
            html.escape(mistake["predicted"]),
            percent(mistake["confidence"]),
        )
        for mistake in ranked
    ]
    return html_table(("video", "true class", "prediction", "confidence"), rows)


def _bar(share: float) -> str:
    return f'<span class="bar"><i style="width:{100 * share:.1f}%"></i></span>{percent(share)}'


def html_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table of cells that are already HTML."""
    header = "".join(f"<th>{name}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<div class="table"><table><thead><tr>{header}</tr></thead><tbody>{body}</tbody>'
        "</table></div>"
    )
