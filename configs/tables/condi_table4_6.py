"""ConDi, Table 4.6: time and accuracy by the number of clips, UCF101 and Kinetics."""

import dataclasses

from vidkd_jax.tables import Row, load_table

_TABLE = load_table("condi_table4_3")
_PAPER = {  # K: Video@1 of UCF101, and of Kinetics; the thesis has no accuracy of random ones there
    "ConDi-SR": {1: (89.0, 65.2), 3: (90.02, 67.3), 5: (91.2, 69.4), 7: (90.5, 71.5)},
    "Random": {1: (86.02, None), 3: (88.916, None), 5: (89.54, None), 7: (89.68, None)},
    "Equidistant": {1: (87.11, None), 3: (88.94, None), 5: (89.54, None), 7: (89.68, None)},
}


def _at(name: str, k: int) -> Row:
    """Returns a row of Table 4.3 with K clips."""
    figures = zip(("UCF101", "Kinetics"), _PAPER[name][k], strict=True)
    paper = {column: figure for column, figure in figures if figure is not None}
    return _TABLE.row(name).choosing(k, name=f"{name}, K = {k}", paper=paper)


TABLE = dataclasses.replace(
    _TABLE,
    title="ConDi Table 4.6: what choosing clips saves",
    rows=(
        dataclasses.replace(_TABLE.row("Dense"), paper={"UCF101": 89.8, "Kinetics": 68.3}),
        *(_at(name, k) for name, by_k in _PAPER.items() for k in by_k),
    ),
    scales={
        "marionette": {"UCF101": "marionette_untrimmed"},
        "paper": {"UCF101": "ucf101", "Kinetics": "kinetics600"},
    },
    metrics=("video_top1", "clips", "clip_share", "network_ms"),
    note="The thesis' seconds of UCF101 are 1.24, 1.9, 2.31 and 3.1 for ConDi-SR, 0.29, 0.84, "
    "1.42 and 2.1 for random clips and 2.9 for all; of Kinetics 1.31, 1.89, 2.28 and 3.05, for "
    "random clips as of UCF101, and 5.22 for all. Its accuracies of UCF101 are means over three "
    "splits, of which this is the first. benchmarks.whole_time measures the rows on video files, "
    "decoding included.",
)
