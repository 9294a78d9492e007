"""The page of the report: sections with numbers, pictures and tables."""

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from vidkd_jax.report import curves, figures, tables
from vidkd_jax.report.cautions import cautions
from vidkd_jax.report.style import CSS
from vidkd_jax.runtime.files import write_text

_DOTS_PER_INCH = 150


def write_report(
    workdir: Path,
    *,
    config: Mapping[str, Any],
    summary: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    evaluation: Mapping[str, Any],
    strips: Sequence[np.ndarray] = (),
) -> Path:
    """Writes `workdir/report/index.html` and its pictures. Missing parts are left out.

    Args:
        workdir: folder of the run.
        config: resolved config, as plain nested dictionaries.
        summary: content of `summary.json`.
        history: records of `metrics.jsonl`: "step", "epoch", "split" and metrics.
        evaluation: results on the test videos, or {}: "pretext" ("transforms", "confusion");
            "class_names", "confusion" `[k, k]` (rows are true
            classes), "per_class" `[k]`, "clip_reliability" and "video_reliability" ("count",
            "confidence", "accuracy" per bin), "mistakes" ("video", "label", "predicted",
            "confidence").
        strips: some frames of each of the first mistakes, uint8 `[t, h, w, 3]`.

    Returns:
        The path of the page.
    """
    folder = workdir / "report"
    folder.mkdir(parents=True, exist_ok=True)
    sections = [
        tables.first_cards(summary, evaluation),
        _classes(folder, evaluation),
        _mistakes(folder, evaluation, strips),
        _section("Accuracy", "", tables.cards("accuracy", summary)),
        _calibration(folder, summary, evaluation),
        _section("Confidence", "", tables.cards("confidence", summary)),
        _section("Features", "", tables.cards("features", summary)),
        _pretext(folder, summary, evaluation),
        _training(folder, config, summary, history),
        _setting("Configuration", config),
        _setting("Environment", summary.get("environment")),
    ]
    page = folder / "index.html"
    text = _document(config, summary, "\n".join(filter(None, sections)))
    write_text(page, text, encoding="utf-8")
    return page


def _document(config: Mapping[str, Any], summary: Mapping[str, Any], body: str) -> str:
    name = html.escape(str(config.get("name", "run")))
    facts = [
        (config.get("method") or {}).get("name"),
        (config.get("model") or {}).get("name"),
        (config.get("data") or {}).get("name"),
        f"seed {config['seed']}" if "seed" in config else None,
    ]
    if teachers := _teachers(config):
        facts.append(f"taught by {', '.join(teachers)}")
    facts += [f"{count:,} {split} videos" for split, count in summary.get("videos", {}).items()]
    subtitle = html.escape(" · ".join(str(fact) for fact in facts if fact))
    warnings = "\n".join(
        f'<p class="warning">{html.escape(text)}</p>' for text in cautions(summary)
    )
    return document(name, subtitle, f"{warnings}\n{body}")


def _teachers(config: Mapping[str, Any]) -> list[str]:
    """Returns the names of the trained teachers' folders, or their paths where they are alike."""
    runs = [Path(run) for run in (config.get("teachers") or {}).get("runs") or ()]
    # A table's runs are called by their seeds, in a folder of their row.
    names = [str(Path(*run.parts[-1 - run.name.startswith("seed") :])) for run in runs]
    return names if len({*names}) == len(names) else [str(run) for run in runs]


def document(title: str, subtitle: str, body: str) -> str:
    """Returns a whole page; the arguments are HTML."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · vidkd_jax</title>
<style>{CSS}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{subtitle}</p>
{body}
</main>
</body>
</html>
"""


def _training(
    folder: Path,
    config: Mapping[str, Any],
    summary: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
) -> str:
    train, val = curves.by_epoch(history, "train"), curves.by_epoch(history, "val")
    promoted = curves.promotions(history)
    pictures = [
        save_picture(folder, "loss", figures.loss_curves(train, val), "Loss by epoch"),
        save_picture(
            folder,
            "accuracy",
            figures.accuracy_curves(train, val, promoted),
            "Accuracy by epoch; a star marks a new best student (and teacher, in TY)",
        ),
        save_picture(
            folder,
            "pretext_accuracy",
            figures.accuracy_curves(
                train,
                val,
                promoted,
                of_train="pretext_top1",
                of_val="pretext_top1",
                label="transforms told apart (no actions)",
            ),
            "Accuracy of the pretext task by epoch, which says nothing of actions; a star marks a "
            "new best student",
        ),
        save_picture(
            folder,
            "agreement",
            figures.agreement_curves(val),
            "Agreement with the teacher on validation clips, by epoch",
        ),
        save_picture(
            folder,
            "weights",
            figures.weight_curves(train, _teachers(config)),
            "Mean weight of each teacher by epoch",
        ),
        save_picture(
            folder, "learning_rate", figures.learning_rate_curve(train), "Learning rate by epoch"
        ),
        save_picture(
            folder,
            "speed",
            figures.speed_curves(train),
            "Training speed by epoch; the first epoch includes compilation",
        ),
    ]
    shown = tables.cards("training", summary) + figure_grid(pictures)
    return _section("Training", _ended(summary), shown)


def _ended(summary: Mapping[str, Any]) -> str:
    """Returns why a run has fewer epochs than its configuration says; "" where it has all."""
    if not summary.get("stopped_early"):
        return ""
    how = "Ended by --finish" if summary.get("ended_by_hand") else "Stopped early"
    return f"{how}, before the last epoch of its configuration."


def _calibration(folder: Path, summary: Mapping[str, Any], evaluation: Mapping[str, Any]) -> str:
    pictures = []
    for level, title in (("clip", "Test clips"), ("video", "Test videos")):
        bins = evaluation.get(f"{level}_reliability")
        figure = figures.reliability_diagram(bins, title) if bins else None
        caption = f"{title}: reliability and number of examples by confidence"
        pictures.append(save_picture(folder, f"{level}_reliability", figure, caption))
    text = (
        "The accuracy of a calibrated model equals its confidence: the bars end on the diagonal. "
        "Averaging the clips of a video makes predictions less confident, so both are shown."
    )
    shown = tables.cards("calibration", summary) + figure_grid(pictures)
    return _section("Calibration", text, shown)


def _classes(folder: Path, evaluation: Mapping[str, Any]) -> str:
    names, confusion = evaluation.get("class_names") or [], evaluation.get("confusion") or []
    known = len(names) > 0 and len(confusion) > 0
    figure = figures.confusion_picture(confusion, names) if known else None
    caption = "Test videos: true class (rows), prediction (columns)"
    picture = save_picture(folder, "confusion", figure, caption, wide=True)
    section = ""
    if known and evaluation.get("per_class"):
        table = tables.class_table(names, evaluation["per_class"], confusion)
        section = _section("Classes", "Accuracy on the test videos of each class.", table)
    return section + _section("Confusion", "", picture)


def _pretext(folder: Path, summary: Mapping[str, Any], evaluation: Mapping[str, Any]) -> str:
    found = evaluation.get("pretext")
    if not found:
        return ""
    text = (
        "How well the transforms of the pretext task are told apart, each test clip being shown "
        "after each of them. These are no figures of actions."
    )
    figure = figures.confusion_picture(
        found["confusion"], found["transforms"], rows="true transform"
    )
    caption = "Transform (rows), prediction (columns)"
    picture = save_picture(folder, "pretext_confusion", figure, caption, wide=True)
    return _section("Pretext task", text, tables.cards("pretext", summary) + picture)


def _mistakes(folder: Path, evaluation: Mapping[str, Any], strips: Sequence[np.ndarray]) -> str:
    mistakes = evaluation.get("mistakes") or []
    titles = [
        f"{each['video']}: {each['label']}, taken for {each['predicted']}" for each in mistakes
    ]
    figure = figures.film_strips([*zip(titles, strips, strict=False)])
    caption = "Frames of the mistakes that it is surest of"
    picture = save_picture(folder, "mistakes", figure, caption, wide=True)
    if not mistakes:
        return ""
    text = "Wrong predictions on test videos, those with the highest confidence first."
    return _section("Most confident mistakes", text, picture + tables.mistakes_table(mistakes))


def _setting(title: str, values: Mapping[str, Any] | None) -> str:
    if not values:
        return ""
    text = html.escape(json.dumps(values, indent=2, default=str, ensure_ascii=False))
    return f"<details><summary>{title}</summary><pre>{text}</pre></details>"


def _section(title: str, text: str, content: str) -> str:
    if not content:
        return ""
    paragraph = f"<p>{text}</p>" if text else ""
    return f"<section><h2>{title}</h2>{paragraph}{content}</section>"


def figure_grid(pictures: Sequence[str]) -> str:
    """Returns the pictures side by side, as far as the width of the screen allows."""
    shown = "".join(pictures)
    return f'<div class="figures">{shown}</div>' if shown else ""


def save_picture(
    folder: Path, name: str, figure: Figure | None, caption: str, *, wide: bool = False
) -> str:
    """Saves a picture and returns its HTML; without a figure, deletes an old picture."""
    path = folder / f"{name}.png"
    if figure is None:
        path.unlink(missing_ok=True)
        return ""
    figures.show_literally(figure)
    # Without the entry "Software", the same run always gives the same bytes.
    # A square picture beside a bar leaves space, which "tight" cuts off; it draws everything twice.
    bounds = "tight" if wide else None
    figure.savefig(path, dpi=_DOTS_PER_INCH, bbox_inches=bounds, metadata={"Software": None})
    style = ' class="wide"' if wide else ""
    return (
        f'<figure{style}><img src="{path.name}" alt="{caption}" loading="lazy">'
        f"<figcaption>{caption}</figcaption></figure>"
    )
