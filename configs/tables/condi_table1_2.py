"""ConDi, Table 1.2: all clips, and the best ones by the label, Kinetics-600."""

import dataclasses

from vidkd_jax.tables import Row, load_table

_TABLE = load_table("condi_table4_3")
_PAPER = {1: 81.27, 5: 76.64, 10: 71.3, 15: 69.1}


def _oracle(name: str, k: int, paper: dict[str, float]) -> Row:
    """Returns one of Table 4.3's oracles with K clips."""
    return _TABLE.row(name).choosing(k, name=f"{name}, K = {k}", paper=paper)


TABLE = dataclasses.replace(
    _TABLE,
    title="ConDi Table 1.2: what the best clips would be worth",
    rows=(
        _TABLE.row("Dense"),
        *(_oracle("Oracle", k, {"video_top1": paper}) for k, paper in _PAPER.items()),
        _TABLE.row("Dense, shuffled labels"),
        *(_oracle("Oracle, shuffled labels", k, {}) for k in _PAPER),
    ),
    note="The oracle reads the label: it takes the K clips to which the teacher gives most "
    "probability of the label. Rows with shuffled labels are the null control: every video has "
    "another one's label, and what the oracle gains over all clips there is the reward for having "
    "looked.",
)
