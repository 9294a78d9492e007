"""A table in Markdown: its lines, its grid, and what its figures are."""

from collections.abc import Iterable, Sequence

import numpy as np

from vidkd_jax.tables import power
from vidkd_jax.tables.averages import average_lines, averages
from vidkd_jax.tables.columns import Column
from vidkd_jax.tables.metric import Metric
from vidkd_jax.tables.row import TEACHERS, Row, rows_in
from vidkd_jax.tables.statistics import Estimate
from vidkd_jax.tables.table import Table


def headings(column: Column) -> list[str]:
    """Returns the heads of the table's columns."""
    table = column.table
    change = "that of" if _has_several_references(table) else table.reference
    return [
        "row",
        "seeds",
        *(metric.heading for metric in table.shown_metrics()),
        f"{table.headline_metric().heading} - {change}",
        "M parameters",
        "minutes",
        *(head for head, _, _ in _paper_columns(column)),
    ]


def cells(column: Column) -> Iterable[list[str]]:
    """Yields each row: figures with 95 % intervals, the difference, cost, the paper's figures."""
    papers = _paper_columns(column)
    for row in column.table.rows:
        figures = column.figures[row.name]
        yield [
            f"{row.name} †" if _misses_gate(row, column) else row.name,
            str(len(column.seeds[row.name])),
            *(
                _cell(figures[metric.name][0], metric, metric.sign)
                for metric in column.table.shown_metrics()
            ),
            _change(row, column),
            " + ".join(f"{value:.2f}" for value in column.params[row.name])
            + _paper_cost(row, column, "m_parameters"),
            f"{column.minutes[row.name]:.1f}{_paper_cost(row, column, 'hours', ' h')}",
            *(_paper_figure(row, column, metric, of) for _, metric, of in papers),
        ]


def grid(column: Column) -> list[list[str]]:
    """Returns the headline metric of the rows that have a cell as a grid, with the paper's beside.

    The first line is the heads; [] where no row has a cell.
    """
    headline = column.table.headline_metric()
    found: dict[str, dict[str, str]] = {}
    for row in column.table.rows:
        if row.cell is not None:
            line, head = row.cell
            ours = _cell(column.figures[row.name][headline.name][0], headline)
            paper = _paper_figure(row, column, headline)
            found.setdefault(line, {})[head] = ours + (paper and f" (paper {paper})")
    if not found:
        return []
    heads = list(dict.fromkeys(head for cells in found.values() for head in cells))
    return [
        [headline.heading, *heads],
        *([line, *(cells.get(head, "") for head in heads)] for line, cells in found.items()),
    ]


def blocks(column: Column) -> list[list[list[str]]]:
    """Returns all that is shown of one column as tables, each by its lines, heads first.

    They are the rows, and where there are any the teachers' gates, the grid and the averages.
    """
    rows = [headings(column), *cells(column)]
    others = power.gate_lines(column.gates), grid(column), average_lines(averages(column))
    return [rows, *filter(None, others)]


def markdown(table: Table, columns: Sequence[Column]) -> str:
    """Returns the table, one block for each data set."""
    lines = [f"### {table.title}", ""]
    for column in filter(Column.has_rows, columns):
        lines += [f"**{column.heading}**", ""]
        for line in remarks(column):
            lines += [line, ""]
        for block in blocks(column):
            lines += [*markdown_table(block), ""]
    return "\n".join([*lines, explanation(table, columns)]) + "\n"


def remarks(column: Column) -> list[str]:
    """Returns what must be known first: other settings, several folders, the noise floor."""
    flags = ", ".join(f"{field}={value!r}" for field, value in sorted(column.departures.items()))
    given = [f"Not the table's own settings: all runs had {flags}."] if flags else []
    return given + _folders(column) + _noise(column)


def _folders(column: Column) -> list[str]:
    """Returns whose runs are of which folder, where there are several."""
    if len(column.folders) < 2:
        return []
    each = (f"{_seeds(seeds)} of '{folder}'" for folder, seeds in column.folders.items())
    return [f"The runs are of several folders: {'; '.join(each)}."]


def _seeds(seeds: Sequence[int]) -> str:
    """Returns what to call a folder's runs."""
    named = f"{'seeds' if seeds[1:] else 'seed'} {', '.join(map(str, seeds))}"
    return named if seeds else "what all seeds share"


def _noise(column: Column) -> list[str]:
    """Returns what the rows that repeat their reference say, a sentence or two for each."""
    headline = column.table.headline
    return [
        power.noise_line(row.name, column.table.against(row), column.figures[row.name][headline][1])
        for row in column.table.rows
        if row.name in column.table.noise and column.table.headline_metric().per_cent
    ]


def _misses_gate(row: Row, column: Column) -> bool:
    return row.name in column.gates and not column.gates[row.name].is_passed


def explanation(table: Table, columns: Sequence[Column]) -> str:
    """Returns what the figures are, which rows are missing, and the table's own note."""
    metrics = table.shown_metrics()
    fields = {f for row in table.rows for f, value in row.overrides.items() if rows_in(value)}
    whose = "the teachers'" if fields <= {TEACHERS} else "those of every run that a row needs"
    parts = [
        f"{_unit(metrics)}{_interval(metrics, columns)}.",
        _groups(columns),
        _without_groups(metrics),
        *dict.fromkeys(metric.note for metric in metrics),
        "Parameters: student + teachers.",
        _dagger(columns),
        _together(columns),
        f"Minutes of training include {whose} and depend on what else ran.",
        table.note,
    ]
    return " ".join([*filter(None, parts), *_left_out(columns)])


def _unit(metrics: Sequence[Metric]) -> str:
    """Returns which figures are in per cent, as the sentence begins."""
    others = [metric.heading for metric in metrics if not metric.per_cent]
    if not others:
        return "Per cent; "
    return f"Per cent, but for {', '.join(others)}; " if len(others) < len(metrics) else "Figures: "


def _interval(metrics: Sequence[Metric], columns: Sequence[Column]) -> str:
    """Returns what stands before and in the brackets."""
    seeds = {len(each) for column in columns for each in column.seeds.values()}
    if not any(metric.reader for metric in metrics):
        several = "mean over seeds ± their standard deviation [95 % interval of the mean]"
        return "one seed" if seeds == {1} else several
    alone = "over test groups alone: how far seeds spread is not in it"
    if seeds == {1}:
        return f"one seed [95 % interval {alone}]"
    return (
        "mean over seeds ± their standard deviation [95 % interval of the mean, over seeds and "
        "test groups" + (f"; of one seed, {alone}]" if 1 in seeds else "]")
    )


def _groups(columns: Sequence[Column]) -> str:
    """Returns how many test groups there are; "" where no figure has any."""
    counts = [f"{column.num_groups:,}" for column in columns if column.num_groups]
    return f"Test groups: {', '.join(counts)}." if counts else ""


def _without_groups(metrics: Sequence[Metric]) -> str:
    """Returns which figures have an interval over seeds alone; "" where none has."""
    names = [f"'{metric.heading}'" for metric in metrics if metric.reader is None]
    if not names:
        return ""
    return f"Of {', '.join(names)} the interval is over seeds alone, and one seed has none."


def _dagger(columns: Sequence[Column]) -> str:
    """Returns what the mark of a row means; "" where none is marked."""
    marked = any(_misses_gate(row, column) for column in columns for row in column.table.rows)
    return f"†: a teacher that misses the gate, {100 * power.GATE:.0f} points." if marked else ""


def _together(columns: Sequence[Column]) -> str:
    """Returns what averages are; "" where none is shown."""
    if not any(averages(column) for column in columns):
        return ""
    return (
        "On average: of the differences of these rows, with other seeds; those that are compared "
        "with one run count as one. SD and interval: Student's, by the seeds of each row that they "
        "are compared with; of one seed, by these rows. What the rows of a seed share, such as its "
        "draw of videos, is not in it. Seeds: of every row, that see an average of so much in four "
        "of five studies, by this SD and by the largest that it is likely to be an estimate of."
    )


def _left_out(columns: Sequence[Column]) -> Iterable[str]:
    """Yields which rows are not in the table, and why."""
    for column in columns:
        where = f" on {column.heading}" if column.name else ""
        if column.missing:
            yield f"Not run yet{where}: {', '.join(column.missing)}."
        if column.unpaired:
            yield f"Run{where}, but not what they are compared with: {', '.join(column.unpaired)}."


def _change(row: Row, column: Column) -> str:
    """Returns how far a row is from its reference; "" for the reference itself."""
    against, headline = column.table.against(row), column.table.headline_metric()
    if against == row.name:
        return ""
    text = _cell(column.figures[row.name][headline.name][1], headline, sign="+")
    if _has_several_references(column.table):
        text = f"{text} {against}"
    pairs = len(column.pairs[row.name])
    most = max(len(column.seeds[row.name]), len(column.seeds[against]))
    return text if pairs == most else f"{text} (pairs: {pairs})"


def _has_several_references(table: Table) -> bool:
    return len({table.against(row) for row in table.rows}) > 1


def _paper_columns(column: Column) -> list[tuple[str, Metric, str]]:
    """Returns the columns of the paper's figures: the head, the metric, and the data set.

    The data set is "" for the column's own; of those that this scale has no column of there is what
    the paper gives.
    """
    shown, headline = column.table.shown_metrics(), column.table.headline_metric()
    others = [
        (f"paper {of} {metric.heading}", metric, of)
        for of in column.elsewhere()
        for metric in shown
        if metric.name in _given(column, of)
    ]
    own = _given(column, "")
    if others and not own:
        return others
    always = {m.name for m in shown if m == headline or (m.in_papers and not column.name)}
    return [(f"paper {m.heading}", m, "") for m in shown if m.name in own | always] + others


def _given(column: Column, of: str) -> set[str]:
    """Returns of which of the table's metrics the paper gives figures on one data set."""
    shown = {metric.name for metric in column.table.shown_metrics()}
    return shown & {name for row in column.table.rows for name in column.paper(row, of)}


def _paper_figure(row: Row, column: Column, metric: Metric, of: str = "") -> str:
    """Returns the paper's figure of a row; "" where the paper gives none."""
    paper = column.paper(row, of)
    return metric.paper_text(paper[metric.name]) if metric.name in paper else ""


def _paper_cost(row: Row, column: Column, what: str, unit: str = "") -> str:
    """Returns the paper's cost of a row, to stand beside ours; "" where the paper gives none."""
    paper = column.paper(row)
    return f" (paper {paper[what]:.1f}{unit})" if what in paper else ""


def markdown_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns the lines of a table whose first row is its heads."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    heads, *body = ["| " + " | ".join(row) + " |" for row in cells]
    return [heads, "|" + "---|" * len(rows[0]), *body]


def _cell(estimate: Estimate, metric: Metric, sign: str = "") -> str:
    """Returns a figure, its spread over seeds, and its interval; without those that are NaN."""
    if np.isnan(estimate.mean):
        return ""
    text = metric.text(estimate.mean, sign)
    if not np.isnan(estimate.std):
        text = f"{text} ± {metric.text(estimate.std)}"
    if not np.isnan(estimate.low):
        text = f"{text} [{metric.text(estimate.low, sign)}, {metric.text(estimate.high, sign)}]"
    return text
