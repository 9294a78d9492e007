"""DTG-Net, Table 3, fine-tuned: its networks on labelled actions."""

import dataclasses

from vidkd_jax.tables import Row, load_table

_TABLE = load_table("dtg_table3")


def _fine_tuned(row: Row) -> Row:
    """Returns the row of a network that goes on from one of Table 3, with labels."""
    start = dataclasses.replace(row, paper={})
    return Row(row.name, "segments_r18", {"model.init_from": start}, {})


TABLE = dataclasses.replace(
    _TABLE,
    title="DTG-Net Table 3: fine-tuned",
    rows=(
        Row("random weights", "segments_r18"),
        *(_fine_tuned(row) for row in _TABLE.rows if row.name != "random weights"),
    ),
    metrics=("video_top1", "video_top5", "video_motion", "video_direction", "video_nll"),
    headline="video_top1",
    note="Each name says what guided the network before it was fine-tuned. How the paper evaluated "
    "its students it does not say; its figures stand in Table 3.",
)
