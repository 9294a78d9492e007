"""What benchmarks of a table's finished runs share: their videos' files, a line for each row."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vidkd_jax.annotations.locate import VIDEO_SUFFIXES, walk
from vidkd_jax.errors import InputError
from vidkd_jax.inference.sources import Source
from vidkd_jax.tables import Metric, PerItem, Table
from vidkd_jax.tables.run_results import RunResult
from vidkd_jax.tables.statistics import Estimate, compare


def mean_of(name: str) -> Metric:
    """Returns a metric whose sums by test group are computed elsewhere."""
    return Metric(name, name, PerItem("clip", lambda probabilities, labels, bins: labels))


def some_files(names: Sequence[str], folder: Path, most: int) -> list[Source]:
    """Returns the files of at most `most` of the named videos, spread evenly over them.

    Raises:
      InputError: a video has no file below the folder.
    """
    by_stem = {file.stem: file for file in walk(folder) if file.suffix.lower() in VIDEO_SUFFIXES}
    places = np.linspace(0, len(names) - 1, min(most, len(names))).round().astype(int)
    stems = [Path(names[place]).stem for place in places]
    for stem in stems:
        if stem not in by_stem:
            raise InputError(f"--videos={folder}: has no video '{stem}'; give the test videos")
    return [Source(str(by_stem[stem])) for stem in stems]


def write(
    table: Table, rows: Mapping[str, Mapping[int, RunResult]], metrics: Sequence[Metric]
) -> None:
    """Prints a line of JSON for each row: mean, 95 % interval, difference from its reference.

    Args:
      table: of the rows.
      rows: their runs by the table's seed.
      metrics: that the runs were read for.
    """
    by_name = {row.name: row for row in table.rows}
    references = {name: table.against(by_name[name]) for name in rows}
    references = {name: own if own in rows else name for name, own in references.items()}
    for name, found in compare(rows, references, metrics, table.shared_rows()).items():
        line: dict[str, Any] = {"row": name, "seeds": len(rows[name]), "against": references[name]}
        for metric, (figure, difference) in found.items():
            line[metric] = _rounded(figure)
            if references[name] != name:
                line[f"{metric}_difference"] = _rounded(difference)
        print(json.dumps(line))


def _rounded(estimate: Estimate) -> list[float]:
    return [round(value, 4) for value in (estimate.mean, estimate.low, estimate.high)]
