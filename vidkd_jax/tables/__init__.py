"""A paper's table as one command: rows of runs, seeds, statistics, Markdown."""

from vidkd_jax.tables.forks import forked, other_clips, trunk
from vidkd_jax.tables.metric import Metric, PerItem
from vidkd_jax.tables.metrics import lookup
from vidkd_jax.tables.row import SEED, Row, Selection
from vidkd_jax.tables.subsets import part, parts
from vidkd_jax.tables.table import Table, load_table

__all__ = [
    "SEED",
    "Metric",
    "PerItem",
    "Row",
    "Selection",
    "Table",
    "forked",
    "load_table",
    "lookup",
    "other_clips",
    "part",
    "parts",
    "trunk",
]
