"""Which settings may differ: between processes, when a run goes on or forks, between two runs.

The folders of weights may always: the weights in them are compared by their digests; see
`run.origins`. Settings are {dotted field: JSON value}, as `Settings.by_field` returns them.
"""

from collections.abc import Collection, Mapping
from typing import Any

TAUGHT_BY = ("teachers.runs",)
STARTED_FROM = ("model.init_from", "train.fork_from")
# Where and how a process reads: each host has its own.
PER_HOST = frozenset(
    (
        *TAUGHT_BY,
        *STARTED_FROM,
        "data.root",
        "data.videos",  # the same videos may lie elsewhere; `records_identity` compares them
        "data.annotations",
        "data.threads",
        "data.prefetch",
        "eval.keep_answers",
    )
)
# And what a run reports; nothing of it changes what is learnt.
_REPORTED = PER_HOST | {
    "name",
    "train.log_every",
    "train.keep_epochs",
    "eval.keep_features",
    "eval.batch_size",  # each clip is answered by itself
}
# Another number of workers goes on elsewhere in the order of the videos.
_ORDER = {"data.workers"}
# What trunk and fork have in common: their state is of this network and optimiser, and has seen
# these videos.
_KEPT_BY_FORKS: tuple[str, ...] = (
    "model.",
    "data.",
    "optim.name",
    "train.batch_size",
    "train.repeats",
)


def when_resumed(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Returns the fields that keep a run from going on, sorted.

    Args:
      before: its settings so far.
      now: those with which it shall go on.
    """
    free = set(_REPORTED)
    # A cosine's length decides on the rate of every epoch; and whether a perfect run ends sooner
    # depends on how long it has.
    if now["schedule.name"] != "cosine" and not now["schedule.perfect_epochs"]:
        free.add("train.epochs")
    return _differing(before, now, {*before, *now} - free)


def when_forked(trunk: Mapping[str, Any], fork: Mapping[str, Any]) -> list[str]:
    """Returns the fields that keep a run from going on from another's state, sorted.

    Args:
      trunk: settings of the run whose state it is.
      fork: those of the run that goes on from there.
    """
    kept = _KEPT_BY_FORKS
    if fork["schedule.name"] == "plateau":  # it goes on from the trunk's rate; others plan theirs
        kept = (*kept, "optim.learning_rate")
    free = _REPORTED | _ORDER
    if "flow" not in (trunk["data.modality"], fork["data.modality"]):
        free |= {"data.modality"}  # flow beside RGB is a teacher's
    if not (trunk["data.fold"] or fork["data.fold"]):
        free |= {"data.folds"}  # all of them train
    return _differing(trunk, fork, {field for field in fork if field.startswith(kept)} - free)


def between_runs(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Returns the fields by which two runs are of another recipe, sorted.

    Seeds are not among them, nor are the folders of teachers.
    """
    free = _REPORTED - {*STARTED_FROM} | _ORDER | {"seed", "distributed"}
    return _differing(one, other, {*one, *other} - free)


def _differing(
    one: Mapping[str, Any], other: Mapping[str, Any], fields: Collection[str]
) -> list[str]:
    return sorted(field for field in fields if one.get(field) != other.get(field))
