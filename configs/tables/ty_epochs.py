"""TY, sections I and IV.B: how soon runs converge, and whether they fall behind their past."""

import dataclasses

from vidkd_jax.tables import Row, load_table

_TABLE3, _TABLE5 = load_table("ty_table3"), load_table("ty_table5")
_ROWS = {row.name: row for row in (*_TABLE5.rows, *_TABLE3.rows)}


def _row(name: str, against: str = "", epochs: float | None = None) -> Row:
    """Returns another table's row, with the epochs after which it converges in the paper."""
    paper = {} if epochs is None else {"epochs_to_converge": epochs}
    return dataclasses.replace(_ROWS[name], paper=paper, against=against)


TABLE = dataclasses.replace(
    _TABLE3,
    title="TY: epochs to converge, and epochs below the best past model",
    rows=(
        _row("Baseline", epochs=40.0),
        _row("TY, no augmentation", "Baseline"),
        _row("Baseline + Data Aug", epochs=55.0),
        _row("Baseline + Data Aug, other seeds"),
        _row("TY", epochs=80.0),
    ),
    metrics=("epochs_to_converge", "worse_epochs", "below_best"),
    headline="worse_epochs",
    note="The paper says that a model that learns from its best past self is not worse than this "
    "one, and that convergence takes longer with augmentation, and longer still with TY. Under a "
    "cosine all runs converge where it ends; the paper's rate falls where validation stalls.",
    pictures=(),
    noise=(),
)
