"""A table as a page: its figures, its pictures, readable without network."""

import html
from collections.abc import Sequence
from pathlib import Path

from vidkd_jax.report.page import document, figure_grid, save_picture
from vidkd_jax.report.tables import html_table
from vidkd_jax.tables import render
from vidkd_jax.tables.columns import Column
from vidkd_jax.tables.pictures import PICTURES, Shown
from vidkd_jax.tables.table import Table


def write_page(
    folder: Path,
    table: Table,
    columns: Sequence[Column],
    out: Path,
    seeds: int,
    data_root: str = "",
) -> Path:
    """Writes `folder/index.html` and the table's pictures, each also a PNG of its own.

    Args:
      folder: of the table.
      table: what it is of.
      columns: the finished runs.
      out: where the runs are.
      seeds: of each row, at most.
      data_root: where the records are, for pictures with frames; "": where they were for the runs.

    Returns:
      The page's path.
    """
    body = []
    for column in filter(Column.has_rows, columns):
        body.append(f"<h2>{html.escape(column.heading)}</h2>")
        if table.shows_table:
            rows = [[html.escape(cell) for cell in row] for row in render.cells(column)]
            body.append(html_table(render.headings(column), rows))
            if grid := [[html.escape(c) for c in row] for row in render.grid(column)]:
                body.append(html_table(grid[0], grid[1:]))
        pictures = []
        for name in table.pictures:
            picture = PICTURES[name](Shown(column.table, column.dataset, out, seeds, data_root))
            caption = " ".join((PICTURES[name].__doc__ or name).split())
            stem = f"{name}_{column.dataset}" if column.name else name
            pictures.append(save_picture(folder, stem, picture, html.escape(caption), wide=True))
        body.append(figure_grid(pictures))
    page = folder / "index.html"
    text = render.explanation(table, columns) if table.shows_table else table.note
    explanation = html.escape(text)
    page.write_text(document(html.escape(table.title), explanation, "\n".join(body)), "utf-8")
    return page
