"""Rows with a part of the training videos."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from vidkd_jax.tables.row import SEED, Row, rows_in, with_rows
from vidkd_jax.tables.table import Table

_APART = 100  # seeds of needed rows that each seed has its own of


def part(row: Row, share: float, *, needed: bool = False, passes: float = 1) -> Row:
    """Returns a row that trains on a part of each class' videos, in about as many steps as on all.

    An epoch passes over them passes / share times. As a pass takes whole batches, very few videos
    make fewer steps. Each seed draws other videos, alike in all rows.

    Args:
      row: with all videos.
      share: of the videos, in (0, 1).
      needed: whether the rows that it needs, its teachers among them, and those that these need are
        trained on the same videos, too; each seed then has its own.
      passes: over all videos in an epoch of the config: its `train.repeats` times its
        `data.fraction`. 1 on most data sets; 4 on UTD-MHAD, 3 on preset `small`, 2 on
        `untrimmed`. A config whose `train.repeats` is 0 has no such number.

    Raises:
      ValueError: `passes` is not above 0.
    """
    if passes <= 0:
        raise ValueError(f"row '{row.name}': passes={passes:g}; use more than 0")
    overrides: dict[str, Any] = dict(row.overrides)
    if needed:
        for field, value in overrides.items():
            overrides[field] = with_rows(
                value, lambda each: _own(part(each, share, needed=True, passes=passes))
            )
    overrides |= {"data.fraction": share, "data.subset_seed": SEED}
    return dataclasses.replace(row, overrides={**overrides, "train.repeats": round(passes / share)})


def parts(
    table: Table, share: float, paper: Mapping[str, Sequence[float]] | None = None, note: str = ""
) -> Table:
    """Returns a table's rows with a part of the videos.

    A row that needs others is there twice: these with all videos, and, as "... of these videos",
    with the same ones.

    Args:
      table: with all videos.
      share: of the videos.
      paper: the paper's figures by row, of the table's first metrics.
      note: after what is said of all such tables.
    """
    names = [metric.name for metric in table.shown_metrics()]
    rows = []
    for row in table.rows:
        figures = dict(zip(names, (paper or {}).get(row.name, ()), strict=False))
        rows.append(dataclasses.replace(part(row, share), paper=figures))
        if any(rows_in(value) for value in row.overrides.values()):
            same = part(row, share, needed=True)
            rows.append(dataclasses.replace(same, name=f"{row.name} of these videos", paper={}))
    averages = dict(table.averages)
    for name, of in table.averages.items():
        alike = {f"{row} of these videos" for row in of}
        if found := tuple(row.name for row in rows if row.name in alike):
            averages[f"{name} of these videos"] = found
    times = round(1 / share)
    said = (
        f"{table.note} Each seed draws other videos. An epoch passes over them {times} times, for "
        "about the steps of all videos. Rows 'of these videos' have teachers of each seed's own "
        "videos. Probe and retrieval, too, learn from these videos alone."
    )
    if paper:
        said += (
            " The paper does not say what its teachers have been trained on, nor how often its "
            f"epochs pass over few videos: if once, its stages are {times} times shorter."
        )
    return dataclasses.replace(
        table, rows=tuple(rows), averages=averages, note=f"{said} {note}".rstrip()
    )


def _own(row: Row) -> Row:
    """Returns a needed row that every seed has its own of, apart from the table's own rows."""
    if row.only_seed is None:
        return row
    return dataclasses.replace(row, only_seed=None, seed_offset=row.seed_offset + _APART)
