"""What a finished run prints: how good the student is, what to doubt, what to type next."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vidkd_jax.report.cautions import PRETEXT_CHANCE, cautions
from vidkd_jax.report.formats import percent

_FIGURES = {
    "Video@1": "video_top1",
    "mean over classes": "mean_class_accuracy",
    "Clip@1": "clip_top1",
}
# Of a network that has learnt no actions.
_WITHOUT_CLASSES = {
    "pretext task": "pretext_top1",
    "linear probe, Video@1": "probe_top1",
    "retrieval@1": "retrieval_top1",
}
_UNTRAINED = {title: f"untrained_{name}" for title, name in _WITHOUT_CLASSES.items()}


def closing_lines(
    summary: Mapping[str, Any], workdir: Path, teachers: Sequence[str] = ()
) -> Iterator[str]:
    """Yields the lines that follow the name of the finished run's folder.

    Args:
      summary: content of `summary.json`; an older one may lack some figures.
      workdir: of the run.
      teachers: folders of the networks that taught it.
    """
    found = _shares(_FIGURES, summary)
    if found and "video_top1_low" in summary:
        low, high = (100 * summary[f"video_top1_{end}"] for end in ("low", "high"))
        found[0] += f" [{low:.1f}, {high:.1f}]"
    if "ece" in summary:
        found.append(f"ECE {summary['ece']:.3f}")
    if "confidence_auroc" in summary:  # of a clip sampler this is the point
        found.insert(0, f"confidence AUROC {summary['confidence_auroc']:.3f}")
    if not found:
        found = _shares(_WITHOUT_CLASSES, summary)
    if not found:
        name = summary["selected_on"]
        score = summary.get(f"val_{name}")  # there is none where the last epoch counts
        found = [] if score is None else [f"validation {name} {score:.3f}"]
    stopped = ", stopped early" if summary.get("stopped_early") else ""
    if summary.get("ended_by_hand"):
        stopped = ", ended by --finish"
    epochs = f"{summary['epochs']} epoch{'s' if summary['epochs'] > 1 else ''}"
    of_run = (
        f"({summary['num_classes']} classes, {epochs}{stopped}, "
        f"{summary['train_seconds'] / 60:.1f} min)"
    )
    yield "  ".join([*found, of_run])
    if "commonest_class" in summary:
        yield f"for comparison: {baselines(summary)}"
    elif chance := _chance(summary):
        yield f"for comparison: by chance {chance}"
        if of_random := _shares(_UNTRAINED, summary):
            yield f"of random weights: {', '.join(of_random)}"
    yield from (f"note: {text}" for text in cautions(summary))
    yield f"report: {workdir / 'report' / 'index.html'}"
    yield _next_step(summary.get("network", {}), workdir, teachers)


def _shares(figures: Mapping[str, str], summary: Mapping[str, Any]) -> list[str]:
    """Returns the figures that the summary has, in per cent."""
    return [
        f"{title} {percent(summary[name])}" for title, name in figures.items() if name in summary
    ]


def _chance(summary: Mapping[str, Any]) -> str:
    """Returns what answers by chance would reach in the tasks of a network without classes."""
    of_task = {title: 1 / summary["num_classes"] for title in _WITHOUT_CLASSES}
    of_task["pretext task"] = PRETEXT_CHANCE
    return ", ".join(
        f"{title} {percent(of_task[title])}"
        for title, name in _WITHOUT_CLASSES.items()
        if name in summary
    )


def baselines(summary: Mapping[str, Any]) -> str:
    """Returns the Video@1 of answers that need no network: by chance, and the commonest class."""
    chance = f"chance {percent(1 / summary['num_classes'])}"
    if "commonest_class" not in summary:  # of an older run
        return chance
    return f"{chance}, always the commonest class {percent(summary['commonest_class'])}"


def _in_double_quotes(text: str) -> str:
    """Returns a text for the shell, as a person would quote one that has single quotes in it."""
    return shlex.quote(text) if set(text) & set('"$`\\!') else f'"{text}"'


def _next_step(network: Mapping[str, Any], workdir: Path, teachers: Sequence[str]) -> str:
    """Returns the command or the setting that uses the student."""
    folder, heads = shlex.quote(str(workdir)), network.get("heads", {})
    runs = f"--config.teachers.runs={_in_double_quotes(repr((str(workdir),)))}"
    if "confidence" in heads:
        teacher = shlex.quote(teachers[0]) if teachers else "TEACHER"
        return (
            "choose the clips of new videos that a teacher sees: python -m vidkd_jax.predict "
            f"--run={folder} --teacher={teacher} VIDEO_OR_FOLDER"
        )
    if not network.get("has_classifier", True):
        features = f"start another run from its features: --config.model.init_from={folder}"
        return f"{features}; or teach PCL+KD: {runs}" if "pretext" in heads else features
    if network.get("in_channels", 3) != 3:
        return f"teach an RGB student with it: {runs}"
    return f"predict new videos: python -m vidkd_jax.predict --run={folder} VIDEO_OR_FOLDER"
