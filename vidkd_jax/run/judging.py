"""How good a run's student is, and how far it agrees with its teachers."""

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vidkd_jax.data import EvalClips
from vidkd_jax.evaluation import evaluators
from vidkd_jax.evaluation.calibration import each_alone, fit_temperature, scaled
from vidkd_jax.evaluation.collect import NOTHING, Collected, collect
from vidkd_jax.evaluation.predictions import agreement, softmax, summarise
from vidkd_jax.methods import Frozen
from vidkd_jax.networks.network import Variables
from vidkd_jax.run.asking import BySource
from vidkd_jax.run.building import Run
from vidkd_jax.run.compiled import Predict
from vidkd_jax.run.kept import Said, kept

# The teachers' probabilities [m, k] for a subset's evaluation clips, by source.
Answers = Mapping[str, np.ndarray]


class Exam(NamedTuple):
    """The clips by which a student is judged.

    Attributes:
      clips: of which videos.
      title: of the progress bar.
    """

    clips: EvalClips
    title: str


class Judgement(NamedTuple):
    """What is known of a student on one split.

    Attributes:
      collected: its outputs, and its teachers' answers, for the clips as they are; where no
        evaluator reads these, for the method's variants of them.
      scores: figures by name: of the evaluators, and how far it agrees with its teachers.
      arrays: for pictures, by evaluator.
    """

    collected: Collected
    scores: dict[str, float]
    arrays: dict[str, dict[str, np.ndarray]]


def judge(
    run: Run, variables: Variables, exam: Exam, names: tuple[str, ...], answers: Answers
) -> Judgement:
    """Judges a student by itself and beside its teachers.

    Args:
      run: its parts.
      variables: of the student.
      exam: the clips.
      names: of the evaluators.
      answers: what `ask` returned for the same clips.
    """
    parts = [
        _judge_part(run, variables, exam, part, answers, variants=variants)
        for variants, part in zip((False, True), evaluators.of_variants(names), strict=True)
        if part
    ]
    if not parts:
        return Judgement(NOTHING, {}, {})
    return Judgement(
        parts[0].collected,
        evaluators.merged(*(part.scores for part in parts)),
        {name: arrays for part in parts for name, arrays in part.arrays.items()},
    )


def _judge_part(
    run: Run,
    variables: Variables,
    exam: Exam,
    names: tuple[str, ...],
    answers: Answers,
    *,
    variants: bool,
) -> Judgement:
    """Judges a student on an exam's clips as they are, or on the method's variants of them."""
    predict = run.predictor(evaluators.outputs_of(names), variants=variants)
    if variants:
        exam = exam._replace(title=f"{exam.title}, variants")
    collected = _collect(run, predict, variables, exam)
    train = None
    if evaluators.learning(names):
        clips = dataclasses.replace(exam.clips, subset=run.splits.train)
        learnt = Exam(clips, f"{exam.title}, train")
        train = _collect(run, predict, variables, learnt)
    if not variants:
        collected = dataclasses.replace(collected, taught=answers)
    options = evaluators.Options(
        run.settings.eval.average,
        run.settings.eval.calibration_bins,
        len(run.splits.class_names),
    )
    found = evaluators.judge(names, collected, train, options)
    scores = evaluators.merged(found.scores, _agreements(run, collected))
    return Judgement(collected, scores, found.arrays)


def ask(
    run: Run, teachers: BySource, exam: Exam, *, sources: Iterable[str] | None = None
) -> dict[str, np.ndarray]:
    """Returns what the teachers say of an exam's clips, by source.

    The teachers of one source are averaged with their weights in the loss; cross-fitted ones, of
    which each video of training hears one alone, are averaged, too, and so look better than they
    are one by one. Those that do not know the run's classes are not asked.

    Args:
      run: its parts.
      teachers: their variables.
      exam: the clips.
      sources: to ask; None: all.
    """
    wanted = run.teachers.know_classes if sources is None else {*sources}
    answers = {}
    # Sorted: all processes ask in one order, as they compute together.
    for name in sorted(teachers.keys() & wanted & run.teachers.know_classes):
        each = [
            _answer(run, name, number, variables, exam)
            for number, variables in enumerate(teachers[name])
        ]
        answers[name] = np.average(each, axis=0, weights=run.teachers.shares(name))
    return answers


def _answer(run: Run, source: str, number: int, variables: Variables, exam: Exam) -> np.ndarray:
    """Returns a teacher's probabilities [m, k]; what a trained one has said before may be kept."""

    def asked() -> Said:
        asking = exam._replace(title=f"{exam.title}, teacher")
        found = _collect(run, run.ask[source][number], variables, asking)
        return {"logits": found.outputs["logits"]}

    keep = run.settings.eval.keep_answers if source == Frozen.name else ""
    said = kept(
        Path(keep) if keep else None,
        run.frozen.digests[number] if keep else "",
        run.teachers.networks[source][number],
        asked,
        clips=exam.clips,
        data=run.settings.data,
        records=run.card.records,
    )
    logits = said["logits"]
    return softmax(logits.reshape(-1, logits.shape[-1]))  # of n clips a video each counts


def calibration(
    run: Run, variables: Variables, names: tuple[str, ...], tested: Collected
) -> dict[str, float]:
    """Returns the temperatures that calibrate a student, and what that makes of the test videos.

    The student answers the validation videos for that, with as many clips as the test videos.

    Args:
      run: its parts.
      variables: of the student.
      names: of the evaluators that have judged it on the test videos.
      tested: its outputs for their clips.

    Returns:
      "video_temperature", of the mean over all clips of a video, "clip_temperature", of clips
      alone, "calibrated_ece" and "calibrated_nll", of videos; {} where the student's classifier is
      not judged.
    """
    if "logits" not in tested.outputs:
        return {}
    settings, (of_clips, _) = run.settings.eval, evaluators.of_variants(names)
    predict = run.predictor(evaluators.outputs_of(of_clips), variants=False)  # as compiled before
    exam = Exam(run.eval_clips(run.splits.val), "val, calibration")
    clips = _collect(run, predict, variables, exam).predictions()
    temperature = fit_temperature(clips, settings.average)
    figures = summarise(
        scaled(tested.predictions(), temperature),
        average=settings.average,
        bins=settings.calibration_bins,
    )
    return {
        "video_temperature": temperature,
        "clip_temperature": fit_temperature(each_alone(clips), settings.average),
        "calibrated_ece": figures["ece"],
        "calibrated_nll": figures["nll"],
    }


def untrained(run: Run, exam: Exam, names: tuple[str, ...]) -> dict[str, float]:
    """Returns what the features of the student's network tell with random weights.

    That is more than chance, and what it has learnt must tell more than that.

    Args:
      run: its parts.
      exam: the clips.
      names: of the evaluators that have judged the student.

    Returns:
      The figures of those that learn from features, such as "untrained_probe_top1".
    """
    if not (learning := evaluators.learning(names)):
        return {}
    exam = exam._replace(title=f"{exam.title}, untrained")
    found = judge(run, run.initial_state().variables, exam, learning, {})
    return {f"untrained_{name}": score for name, score in found.scores.items()}


def _agreements(run: Run, judged: Collected) -> dict[str, float]:
    """Returns how far the student agrees with its teachers.

    The figures are called `teacher_agreement` and `teacher_kl` if the method has one source of
    teachers that know the classes. If it has several, they begin with the source's name instead,
    such as `average_agreement`.
    """
    if "logits" not in judged.outputs:
        return {}
    scores: dict[str, float] = {}
    for source, probabilities in sorted(judged.taught.items()):
        prefix = "teacher" if len(run.teachers.know_classes) == 1 else source
        found = agreement(judged.predictions(), probabilities)
        scores |= {name.replace("teacher", prefix, 1): value for name, value in found.items()}
    return scores


def _collect(run: Run, predict: Predict, variables: Variables, exam: Exam) -> Collected:
    """Returns a network's outputs for an exam's clips, with a bar."""
    batches = run.eval_batches(exam.clips)
    return collect(functools.partial(predict, variables), batches, exam.title)
