"""Measures timelines against the truth: when does it happen, and what (ConDi, on Marionette).

    python -m benchmarks.timelines --run=SAMPLER --teacher=TEACHER \
        --videos=data/marionette_untrimmed_videos/videos \
        --sidecars=data/marionette_untrimmed_videos/sidecars

Answers the files of --number test videos of the sampler's run as `predict --timeline` does, and
reads in the sidecars of Marionette's videos in which frames the figure acts. Prints two lines of
JSON, one of sampler and teacher with K clips, and one of the teacher alone with all clips. Shares
of frames, with 95 % intervals over test groups:

- `precision` and `recall` of the segments whose class is the video's answer, as action;
- `right_class`: how much of the action lies in segments of its class;
- `confident_precision` and `confident_recall` of the clips whose confidence is above 0.5;
- `action`: how much of the videos is action, the precision of chance.

`confidence_auroc` and `probability_auroc` are those of clips: does a clip show the action (in at
least half of its frames), by the confidence and by the probability of its most probable class?
"""

import argparse
import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import sidecars, table_rows
from benchmarks.sidecars import Truth
from vidkd_jax.errors import InputError
from vidkd_jax.evaluation.binary import roc_auc
from vidkd_jax.inference import pair as pairs
from vidkd_jax.inference import timeline
from vidkd_jax.inference.answers import Failure, VideoAnswer
from vidkd_jax.inference.choice import Choice, K
from vidkd_jax.inference.engine import Engine
from vidkd_jax.inference.loaded import load
from vidkd_jax.run import inputs
from vidkd_jax.run.saved import saved_settings
from vidkd_jax.runtime.command import run_command
from vidkd_jax.runtime.compilation import cache_compilations
from vidkd_jax.runtime.progress import progress_bar
from vidkd_jax.tables.run_results import GroupSums, RunResult
from vidkd_jax.tables.statistics import Bootstrap

_CONFIDENT = 0.5


def classes(answer: VideoAnswer, names: Sequence[str]) -> np.ndarray:
    """Returns the class of each frame by the timeline's segments, str [frames]; "": none."""
    found = np.full(answer.num_frames, "", dtype=object)
    for segment in timeline.segments(answer, timeline.clips(answer, names)):
        begin, end = (round(segment[key] * answer.fps) for key in ("start", "end"))
        found[begin:end] = segment["class"]
    return found


def confident(answer: VideoAnswer) -> np.ndarray:
    """Returns which frames lie in clips whose confidence is above 0.5, bool [frames]."""
    found = np.zeros(answer.num_frames, bool)
    assert answer.confidence is not None
    for clip in np.flatnonzero(answer.confidence > _CONFIDENT).tolist():
        found[slice(*answer.spans[clip])] = True
    return found


def counts(
    answer: VideoAnswer, names: Sequence[str], truth: Truth
) -> dict[str, tuple[float, float]]:
    """Returns each share of a video's frames: (of how many frames, how many of these)."""
    by_class, active = classes(answer, names), truth.active
    answered = by_class == names[int(answer.probabilities.argmax())]
    hits, total = float((answered & active).sum()), float(active.sum())
    found = {
        "precision": (float(answered.sum()), hits),
        "recall": (total, hits),
        "right_class": (total, float((active & (by_class == truth.action)).sum())),
        "action": (float(len(active)), total),
    }
    if answer.confidence is not None:
        sure = confident(answer)
        hits = float((sure & active).sum())
        found["confident_precision"] = float(sure.sum()), hits
        found["confident_recall"] = total, hits
    return found


def aurocs(answers: Sequence[VideoAnswer], truths: Sequence[Truth]) -> dict[str, float]:
    """Returns how well clips of all videos are ranked by whether they show the action."""
    rows: dict[str, list[tuple[float, bool]]] = {"confidence": [], "probability": []}
    for answer, truth in zip(answers, truths, strict=True):
        found = {clip: each.max() for clip, each in answer.clip_probabilities().items()}
        for clip, probability in found.items():
            rows["probability"].append((probability, truth.shows(*answer.spans[clip])))
        for clip, value in enumerate([] if answer.confidence is None else answer.confidence):
            rows["confidence"].append((value, truth.shows(*answer.spans[clip])))
    return {
        f"{name}_auroc": roc_auc(*(np.array(each) for each in zip(*pooled, strict=True)))
        for name, pooled in rows.items()
        if pooled
    }


def judged(
    answers: Sequence[VideoAnswer],
    names: Sequence[str],
    truths: Sequence[Truth],
    groups: Sequence[str],
) -> dict[str, Any]:
    """Returns the figures of timelines: shares as [mean, low, high].

    Args:
      answers: of the videos.
      names: of the classes, by label.
      truths: what happens in each.
      groups: of each.
    """
    found = [counts(answer, names, truth) for answer, truth in zip(answers, truths, strict=True)]
    known, group_of = np.unique(groups, return_inverse=True)
    bootstrap, figures = Bootstrap(1, len(known)), {}
    for name in found[0]:
        of, hits = np.array([each[name] for each in found]).T
        sums = (np.bincount(group_of, each, minlength=len(known)) for each in (of, hits))
        result = RunResult(tuple(known.tolist()), {name: GroupSums(*sums)}, {})
        estimate = bootstrap.estimate([result], table_rows.mean_of(name))
        figures[name] = [round(each, 4) for each in (estimate.mean, estimate.low, estimate.high)]
    return figures | {name: round(each, 4) for name, each in aurocs(answers, truths).items()}


def _answered(found: Iterable[VideoAnswer | Failure], total: int) -> list[VideoAnswer]:
    """Returns the answers.

    Raises:
      InputError: a video cannot be read.
    """
    answers = []
    with progress_bar(total=total, desc="predicting", leave=False) as bar:
        for each in found:
            bar.update()
            if isinstance(each, Failure):
                raise each.error
            answers.append(each)
    return answers


def main(argv: list[str] | None = None) -> None:
    """Prints two lines of JSON; see the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="workdir of the sampler")
    parser.add_argument("--teacher", type=Path, required=True, help="workdir of the teacher")
    parser.add_argument("--selector", default="confidence")
    parser.add_argument("--k", type=int, default=K)
    parser.add_argument("--videos", type=Path, required=True, help="folder of the video files")
    parser.add_argument("--sidecars", type=Path, required=True)
    parser.add_argument("--number", type=int, default=60, help="of test videos")
    parser.add_argument("--data", default="", help="folder of the records; '': as in the run")
    args = parser.parse_args(argv)
    cache_compilations()
    settings = saved_settings(args.run)
    if settings is None:
        raise InputError(f"--run={args.run}: has no config.json; give the workdir of a run")
    data = dataclasses.replace(settings.data, root=args.data or settings.data.root)
    videos = {Path(video.id).stem: video for video in inputs.load_splits(data).test.videos}
    files = table_rows.some_files([*videos], args.videos, args.number)
    truths = sidecars.read([file.name for file in files], args.sidecars)
    groups = [videos[Path(file.name).stem].group for file in files]
    run = load("--run", args.run)
    pair = pairs.pair(load("--teacher", args.teacher, beside=run), run)
    for choice in (Choice(args.selector, args.k), Choice("dense")):
        answers = _answered(Engine(pair, choice).answer(files), len(files))
        figures = judged(answers, pair.class_names, truths, groups)
        line = {"selector": choice.selector, "k": choice.k, "videos": len(files), **figures}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    run_command(main)
