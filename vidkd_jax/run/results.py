"""What a finished run leaves: summary.json, evaluation.json, predictions.npz and the report."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vidkd_jax import report
from vidkd_jax.augment.pretext import TRANSFORMS
from vidkd_jax.evaluation import evaluators, metrics
from vidkd_jax.evaluation.predictions import Predictions
from vidkd_jax.methods import LAST_EPOCH
from vidkd_jax.networks import weights
from vidkd_jax.networks.network import Variables
from vidkd_jax.run import tracking
from vidkd_jax.run.building import Run
from vidkd_jax.run.judging import Judgement
from vidkd_jax.run.schedule import Progress, Schedule
from vidkd_jax.runtime import machine, sharding
from vidkd_jax.runtime.files import write_json

_MISTAKES = 12  # the most confident ones, in the report
_PICTURED, _FRAMES = 6, 5  # those whose frames are shown, and how many of each


def write_results(
    folder: Path,
    run: Run,
    found: Judgement,
    variables: Variables,
    progress: Progress,
) -> dict[str, Any]:
    """Writes everything that a finished run leaves, `summary.json` last.

    Only the first process writes, and returns the summary; the others return {}.

    Args:
      folder: the workdir.
      run: its parts.
      found: of the best student, on the test clips. Where its classifier is among the outputs, its
        predictions are kept and drawn. The arrays go to a file for each evaluator,
        `<evaluator>.npz`; ours with the names and groups of the videos that they number.
      variables: the best student.
      progress: where training ended.
    """
    if not sharding.is_main():
        return {}
    history = tracking.read_records(folder / "metrics.jsonl")
    scores, evaluation = found.scores, dict[str, Any]()
    if "logits" in found.collected.outputs:
        predictions = found.collected.predictions()
        by_video = predictions.by_video(run.settings.eval.average)
        scores = evaluators.merged(scores, _of_test(run, *by_video))
        evaluation = _details(run, predictions, *by_video)
        _save_predictions(folder / "predictions.npz", run, predictions)
    summary = _summary(run, scores, variables, progress, history)
    if "pretext" in found.arrays:
        confusion = found.arrays["pretext"]["confusion"].tolist()
        evaluation["pretext"] = {"transforms": list(TRANSFORMS), "confusion": confusion}
    if evaluation:
        write_json(folder / "evaluation.json", evaluation)
    for name, arrays in found.arrays.items():
        named: dict[str, Any] = dict(arrays)
        if evaluators.is_ours(name) and "videos" in arrays:
            named |= _whose(run, arrays["videos"])
        np.savez_compressed(folder / f"{name}.npz", **named)
    report.write_report(
        folder,
        config=run.settings.as_json(),
        summary=summary,
        history=history,
        evaluation=evaluation,
        strips=[*_strips(run, evaluation.get("mistakes", ()))],
    )
    write_json(folder / "summary.json", summary)
    return summary


def _of_test(
    run: Run, probabilities: np.ndarray, labels: np.ndarray, videos: np.ndarray
) -> dict[str, float]:
    """Returns what a reader must know of Video@1.

    That is how many tested classes are never right, and unless all videos are of one group, the
    ends of the 95 % interval.
    """
    right = metrics.top_k_correct(probabilities, labels, 1)
    never = {"classes_never_right": float(len(np.setdiff1d(labels, labels[right])))}
    low, high = metrics.share_interval(right, _whose(run, videos)["groups"])
    return never if np.isnan(low) else {**never, "video_top1_low": low, "video_top1_high": high}


def _save_predictions(path: Path, run: Run, predictions: Predictions) -> None:
    whose = _whose(run, predictions.videos)
    np.savez_compressed(
        path,
        logits=predictions.logits,
        labels=predictions.labels,
        videos=whose["names"],
        groups=whose["groups"],
    )


def _whose(run: Run, videos: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the "names" and "groups" of the test videos of these numbers."""
    of_these = [run.splits.test.videos[video] for video in videos]
    return {
        "names": np.asarray([video.id for video in of_these]),
        "groups": np.asarray([video.group for video in of_these]),
    }


def _summary(
    run: Run,
    scores: Mapping[str, float],
    variables: Variables,
    progress: Progress,
    history: list[dict[str, Any]],
) -> dict[str, Any]:
    epochs = [record for record in history if "clips_per_second" in record]
    selected_on = run.settings.method.selected_on
    has_score = selected_on != LAST_EPOCH
    own: dict[str, Any] = {
        "num_params": run.num_params(variables),
        "weights": weights.digest(weights.student_of(variables)),
        "num_classes": len(run.splits.class_names),
        "network": run.card.as_json(),
        "epochs": progress.epoch,
        "best_epoch": progress.best_epoch,
        "stopped_early": progress.epoch < run.settings.train.epochs,
        "ended_by_hand": not progress.is_over(Schedule.of(run.settings)),
        "selected_on": selected_on,
        **({f"val_{selected_on}": progress.best_accuracy} if has_score else {}),
        # Medians over epochs: the first one compiles. There are none where metrics.jsonl was lost.
        **{
            name: float(np.median([record[name] for record in epochs]))
            for name in ("clips_per_second", "data_wait_fraction")
            if epochs
        },
        "train_seconds": progress.train_seconds,
        "peak_memory_bytes": machine.peak_memory_bytes(),
        "model_selection": run.card.selected_on,
        "on_other_lists": run.card.on_other_lists,
        "groups": dict(run.splits.groups),
        "videos": run.splits.counts(),
        "environment": machine.environment(),
    }
    return evaluators.merged(scores, own)


def _details(
    run: Run,
    predictions: Predictions,
    probabilities: np.ndarray,
    labels: np.ndarray,
    videos: np.ndarray,
) -> dict[str, Any]:
    """Returns what the report draws, JSON: confusion, reliability, classes, mistakes.

    Args:
      run: its parts.
      predictions: of the test clips.
      probabilities: of the test videos; these and the next are of `Predictions.by_video`.
      labels: likewise.
      videos: likewise.
    """
    bins = run.settings.eval.calibration_bins
    confusion = metrics.confusion_matrix(
        probabilities.argmax(axis=1), labels, len(run.splits.class_names)
    )
    clip = metrics.reliability_bins(
        predictions.clip_probabilities(), predictions.labels, num_bins=bins
    )
    return {
        "class_names": list(run.splits.class_names),
        "confusion": confusion.tolist(),
        "per_class": [
            None if np.isnan(accuracy) else accuracy  # a class without test videos
            for accuracy in metrics.per_class_accuracy(confusion).tolist()
        ],
        "clip_reliability": clip.as_dict(),
        "video_reliability": metrics.reliability_bins(
            probabilities, labels, num_bins=bins
        ).as_dict(),
        "mistakes": _mistakes(run, probabilities, labels, videos),
    }


def _mistakes(
    run: Run, probabilities: np.ndarray, labels: np.ndarray, videos: np.ndarray
) -> list[dict[str, Any]]:
    """Returns the wrong videos of which the model was surest, surest first."""
    names, predicted = run.splits.class_names, probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    surest = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:_MISTAKES]
    return [
        {
            "video": run.splits.test.videos[videos[row]].id,
            "label": names[labels[row]],
            "predicted": names[predicted[row]],
            "confidence": float(probabilities[row].max()),
        }
        for row in surest
    ]


def _strips(run: Run, mistakes: Sequence[Mapping[str, Any]]) -> Iterator[np.ndarray]:
    """Yields frames from all over the videos of the first mistakes, if they show more than flow."""
    videos = {video.id: video for video in run.splits.test.videos}
    for mistake in mistakes[:_PICTURED]:
        video = videos[mistake["video"]]
        numbers = (np.arange(_FRAMES) + 0.5) * video.num_frames / _FRAMES
        frames = np.stack([*run.splits.test.dataset.frames(video.index, numbers.astype(int))])
        if frames.shape[-1] >= 3:  # RGB comes first
            yield frames[..., :3]
