"""ConDi, Table 4.8: the loss of ConDi-SR, the naive one, and random clips, UCF101."""

import dataclasses

from vidkd_jax.tables import Row, load_table

_TABLE = load_table("condi_table4_3")
_CONDI, _RANDOM = _TABLE.row("ConDi-SR"), _TABLE.row("Random")
_NAIVE = dataclasses.replace(_CONDI, name="Naive", config="naive_confidence_sampler")
_PAPER = {
    "ConDi-SR": (89.0, 90.02, 91.2, 90.5),
    "Naive": (85.8, 88.93, 88.99, 89.65),
    "Random": (86.02, 88.92, 89.53, 89.64),
}


def _at(row: Row, k: int, paper: float) -> Row:
    """Returns a row with K clips, as a cell of the grid."""
    return row.choosing(
        k,
        name=f"{row.name}, K = {k}",
        paper={"video_top1": paper},
        against=f"Random, K = {k}",
        cell=(row.name, f"K = {k}"),
    )


TABLE = dataclasses.replace(
    _TABLE,
    title="ConDi Table 4.8: what the loss must be made of",
    rows=tuple(
        _at(row, k, paper)
        for row in (_CONDI, _NAIVE, _RANDOM)
        for k, paper in zip((1, 3, 5, 7), _PAPER[row.name], strict=True)
    ),
    reference="Random, K = 5",
    scales={"marionette": _TABLE.scales["marionette"], "paper": {"": "ucf101"}},
    note="The naive loss is a weighted sum of cross-entropy, distillation and the confidence's "
    "cross-entropy (eq. 4.2). Random choices are made ten times. The thesis' figures are means "
    "over UCF101's three splits, of which this is the first.",
)
