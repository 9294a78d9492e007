"""The papers' figures in the tables stay as they were read from the papers."""

import json
import os
from pathlib import Path

from vidkd_jax.tables import load_table
from vidkd_jax.tables.table import available

GOLDEN = Path("tests/golden/table_papers.json")


def test_the_papers_figures_are_the_golden_ones():
    """They have been compared with the papers; after a correction run with `UPDATE_GOLDEN=1`."""
    tables = {name: load_table(name).rows for name in available()}
    found = {
        name: {row.name: dict(row.paper) for row in rows if row.paper}
        for name, rows in tables.items()
    }
    found = {name: figures for name, figures in found.items() if figures}
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    assert found == json.loads(GOLDEN.read_text())
