"""A table as an HTML page with its figures and pictures; it loads nothing from the network."""

import html
import sys
from collections.abc import Sequence
from pathlib import Path

from vidkd_jax.errors import InputError
from vidkd_jax.report.page import document, figure_grid, save_picture
from vidkd_jax.report.tables import html_table
from vidkd_jax.runtime.files import write_text
from vidkd_jax.tables import render
from vidkd_jax.tables.columns import Column
from vidkd_jax.tables.pictures import PICTURES, Shown
from vidkd_jax.tables.table import Table


def write_page(
    folder: Path,
    table: Table,
    columns: Sequence[Column],
    outs: Sequence[Path],
    seeds: int,
    data_root: str = "",
) -> Path:
    """Writes `folder/index.html`, and each picture of the table as a PNG file beside it.

    Args:
      folder: of the table.
      table: what the page shows.
      columns: the table's finished runs, by data set.
      outs: the folders of the runs.
      seeds: runs of each row, at most.
      data_root: the records' folder, for pictures with frames; "": the one that the runs had.

    Returns:
      The page's path. A picture that cannot be drawn of these runs is said there and on the screen:
      hours of runs have a table all the same.
    """
    body = []
    for column in filter(Column.has_rows, columns):
        body.append(f"<h2>{html.escape(column.heading)}</h2>")
        if table.shows_table:
            body += _figures(column)
        pictures = []
        for name in table.pictures:
            picture = PICTURES[name]
            try:
                drawn = picture.draw(Shown(column.table, column.dataset, outs, seeds, data_root))
            except InputError as error:
                print(f"picture '{name}' is not drawn: {error}", file=sys.stderr)
                pictures.append(f"<p>Not drawn: {html.escape(str(error))}</p>")
                continue
            stem = f"{name}_{column.dataset}" if column.name else name
            caption = html.escape(picture.caption)
            pictures.append(save_picture(folder, stem, drawn, caption, wide=True))
        body.append(figure_grid(pictures))
    page = folder / "index.html"
    text = render.explanation(table, columns) if table.shows_table else table.note
    title = html.escape(table.title)
    write_text(page, document(title, html.escape(text), "\n".join(body)), encoding="utf-8")
    return page


def _figures(column: Column) -> list[str]:
    """Returns the remarks and the tables of one column as HTML."""
    tables = [f"<p>{html.escape(line)}</p>" for line in render.remarks(column)]
    return tables + [html_table(*_escaped(block)) for block in render.blocks(column)]


def _escaped(lines: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Returns the heads and the other lines of a table as HTML."""
    heads, *rest = [[html.escape(cell) for cell in line] for line in lines]
    return heads, rest
