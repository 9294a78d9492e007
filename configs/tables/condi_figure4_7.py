"""ConDi, Figure 4.7: the false positives of the confidence by the weight of positives, mu."""

import dataclasses

from vidkd_jax.tables import Metric, Row, Table, load_table

_TABLE = load_table("condi_table4_3")
_CONDI = _TABLE.row("ConDi-SR")


def _weighted(mu: float) -> Row:
    """Returns ConDi-SR with a weight of positives; the config's own needs no override."""
    own = {} if mu == 1.5 else {"method.positive_weight": mu}
    return dataclasses.replace(
        _CONDI,
        name=f"mu = {mu:g}",
        overrides={**_CONDI.overrides, **own},
        selection=None,
        paper={},
    )


TABLE = Table(
    title="ConDi Figure 4.7: false positives by the weight of positives",
    rows=tuple(map(_weighted, (1.0, 1.5, 2.0))),
    reference="mu = 1",
    scales=_TABLE.scales,
    metrics=(
        Metric("confidence_fpr", "false positives"),
        Metric("confidence_tpr", "true positives"),
        Metric("confidence_auroc", "AUROC"),
        Metric("confidence_mean", "mean confidence"),
        Metric("teacher_right", "teacher right"),
    ),
    headline="confidence_fpr",
    note="Of the test clips: false positives are those above 0.5 among the ones that the teacher "
    "gets wrong. The thesis says that with mu = 1 the confidence is the same everywhere, and that "
    "1.5 mends it; a heavier weight on positives pushes all confidences up, so the opposite is to "
    "be expected of the rate.",
)
