"""The headline numbers and the tables of the report, as HTML."""

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def percent(value: float) -> str:
    """Formats a fraction as per cent."""
    return f"{100 * value:.1f} %"


def duration(seconds: float) -> str:
    """Formats seconds in the one or two largest units."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _integer(value: float) -> str:
    return f"{value:,.0f}"


def _three_digits(value: float) -> str:
    return f"{value:.3f}"


def _gibibytes(value: float) -> str:
    return f"{value / 2**30:.2f} GiB"


# In the order of the page: field of the summary, its name, its format, its meaning.
_HEADLINES = (
    ("video_top1", "Video@1", percent, "of test videos correct"),
    ("video_top5", "Video@5", percent, "label among the top five"),
    ("clip_top1", "Clip@1", percent, "of test clips correct"),
    ("clip_top5", "Clip@5", percent, "label among the top five"),
    ("video_ece", "ECE, videos", _three_digits, "calibration error; 0 is best"),
    ("clip_ece", "ECE, clips", _three_digits, "calibration error; 0 is best"),
    ("video_nll", "NLL, videos", _three_digits, "-log p(label), nats"),
    ("clip_nll", "NLL, clips", _three_digits, "-log p(label), nats"),
    ("val_clip_top1", "Validation", percent, "of clips correct, best epoch"),
    ("best_epoch", "Best epoch", _integer, "of the tested student"),
    ("epochs", "Epochs", _integer, "trained"),
    ("train_seconds", "Training", duration, "without validation"),
    ("clips_per_second", "Clips / second", "{:.1f}".format, "in training, median epoch"),
    ("data_wait_fraction", "Data wait", percent, "of training time; 0 is best"),
    ("num_params", "Parameters", _integer, "that are trained"),
    ("peak_memory_bytes", "Peak memory", _gibibytes, "of the device or the process"),
)


def headline_cards(summary: Mapping[str, Any]) -> str:
    """Returns one card for each headline number that the summary has."""
    cards = []
    for field, name, style, meaning in _HEADLINES:
        value = summary.get(field)
        if value is None:
            continue
        if field == "video_top1" and summary.get("num_classes"):
            meaning += f"; chance {percent(1 / summary['num_classes'])}"
        first = " first" if field == "video_top1" else ""
        cards.append(
            f'<div class="card{first}"><span>{name}</span><b>{style(value)}</b>'
            f"<span>{meaning}</span></div>"
        )
    return f'<div class="cards">{"".join(cards)}</div>'


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
                _integer(sum(confusion[k])),
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
