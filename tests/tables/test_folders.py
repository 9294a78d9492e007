"""The folders of runs stay the same, so that later versions find finished runs."""

import json
import os
from pathlib import Path

import pytest

from vidkd_jax.tables import load_table, runner
from vidkd_jax.tables.arms import arms, in_order
from vidkd_jax.tables.table import available

GOLDEN = Path("tests/golden/table_folders.json")


def commands_by_folder(name):
    """Returns {scale: {folder: arguments of its run}} for the first seed and the runs it needs."""
    found = {}
    for scale, datasets in load_table(name).scales.items():
        found[scale] = {}
        for dataset in datasets.values():
            wanted = [
                arm for row in load_table(name).rows for arm in arms(row, dataset, 1, Path("OUT"))
            ]
            for arm in in_order(wanted):
                _, _, _, config, _, *overrides = runner.command(arm, [])
                overrides = [o for o in overrides if "eval.keep_answers=" not in o]
                config = f"--config={config.rpartition('/')[2]}"
                folder = arm.folder.as_posix()
                found[scale][folder] = [config, *sorted(overrides)]
    return found


@pytest.mark.parametrize("name", available())
def test_the_folders_of_a_table_are_the_golden_ones(name):
    """A table may gain rows, but the folders of its rows must not change.

    After adding a row, run with `UPDATE_GOLDEN=1` and check the diff.
    """
    found = commands_by_folder(name)
    if os.environ.get("UPDATE_GOLDEN"):
        golden = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
        GOLDEN.write_text(json.dumps({**golden, name: found}, indent=1, sort_keys=True) + "\n")
    assert found == json.loads(GOLDEN.read_text())[name]
