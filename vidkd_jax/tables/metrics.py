"""The metrics that a table can show, by name."""

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from vidkd_jax.errors import InputError, suggest
from vidkd_jax.tables.curve_metrics import OF_CURVES, OF_STAGES
from vidkd_jax.tables.item_metrics import correct, of_level, of_pairs
from vidkd_jax.tables.metric import Metric, PerItem

# Of networks that have learnt without labels, and of what was learnt.
_WITHOUT_LABELS = (
    Metric(
        "pretext_top1",
        "pretext",
        note="Pretext: of the transforms of test clips, the share told right; no actions.",
    ),
    Metric("pretext_nll", "NLL pretext", per_cent=False),
    Metric(
        "probe_top1",
        "linear probe@1",
        PerItem("probe", correct(1)),
        note="Linear probe: Video@1 of a logistic regression on the frozen features.",
    ),
    Metric("probe_top5", "linear probe@5", PerItem("probe", correct(5))),
    Metric(
        "untrained_probe_top1",
        "linear probe@1 of random weights",
        note="Of random weights: the same of the network as it is made, before BatchNorm knows the "
        "videos.",
        optional=True,
    ),
    *of_pairs("probe"),
    Metric(
        "retrieval_top1",
        "retrieval@1",
        note="Retrieval@k: one of the k nearest training videos, by cosine, has the action.",
    ),
    *(Metric(f"retrieval_top{k}", f"@{k}") for k in (5, 10, 20, 50)),
)
# Of rows with a selection.
_OF_SELECTIONS = (
    Metric(
        "clips",
        "clips",
        per_cent=False,
        decimals=1,
        note="Clips: how many of a video the teacher sees, on average.",
    ),
    Metric("clip_share", "of all", note="Of all: their share of the clips there are."),
    Metric(
        "stop_at",
        "stops at",
        per_cent=False,
        decimals=2,
        note="Stops at: the probability of the most probable class at which the teacher sees no "
        "further clip.",
    ),
    Metric(
        "network_ms",
        "network ms",
        per_cent=False,
        decimals=1,
        note="Network ms: of sampler and teacher for one video, in full batches on the machine "
        "that made this table, without decoding.",
    ),
)
METRICS = {
    metric.name: metric
    for metric in (
        *of_level("clip"),
        *of_level("video"),
        *of_pairs("video"),
        *OF_CURVES,
        *OF_STAGES,
        *_WITHOUT_LABELS,
        *_OF_SELECTIONS,
    )
}
SHOWN = ("clip_top1", "video_top1", "clip_ece", "video_ece", "clip_overconfidence")
_IN_EVERY_CSV = (*SHOWN, "video_overconfidence")


def lookup(metrics: Iterable[str | Metric], of: str = "") -> tuple[Metric, ...]:
    """Returns the metrics that a table names: by name in `METRICS`, or its own.

    Args:
      metrics: names, or metrics.
      of: what they are of, such as "actions", for their headings; "": these say it themselves.

    Raises:
      InputError: no metric has that name, or two of the table's have one name.
    """
    found: dict[str, Metric] = {}
    for metric in metrics:
        if isinstance(metric, str):
            if metric not in METRICS:
                raise InputError(f"metrics: no metric '{metric}'{suggest(metric, METRICS)}")
            metric = METRICS[metric]
        if metric.name in found:
            raise InputError(f"metrics: '{metric.name}' stands there twice; leave one out")
        if of:
            metric = dataclasses.replace(metric, heading=f"{of}, {metric.heading}")
        found[metric.name] = metric
    return tuple(found.values())


@contextlib.contextmanager
def naming_metric(metric: Metric) -> Iterator[None]:
    """Turns whatever a metric of a table's own raises into one line.

    Raises:
      InputError: names the metric.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        if METRICS.get(metric.name) is metric:
            raise
        raise InputError(
            f"metrics: '{metric.name}' of the table's own: {type(error).__name__}: {error}; "
            "correct it, and --so_far makes the table of the finished runs"
        ) from error


def in_csv(shown: Sequence[Metric]) -> tuple[Metric, ...]:
    """Returns the metrics of table.csv: those that table.md shows, and some that every csv has.

    Where no metric is read from the run's own predictions, which runs need not have then, they are
    those shown.
    """
    names = [metric.name for metric in shown]
    reads = any(metric.reader and metric.reader.level != "probe" for metric in shown)
    every = _IN_EVERY_CSV if reads else ()
    own = {metric.name: metric for metric in shown}
    return tuple(own.get(n) or METRICS[n] for n in dict.fromkeys((*every, *names)))
