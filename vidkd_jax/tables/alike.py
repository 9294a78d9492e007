"""Whether finished runs compare: the same videos, and one recipe but for what their rows set."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vidkd_jax.errors import InputError
from vidkd_jax.run import workdir
from vidkd_jax.tables import costs, runner
from vidkd_jax.tables.table import Arm

# What does not decide on a run's figures; its length does.
_FREE = {*workdir.MAY_CHANGE, "seed", "teachers.runs", "data.workers", "distributed"}
_FREE -= {"train.epochs"}


def check_alike(runs: Iterable[Arm], out: Path) -> None:
    """Compares the finished runs of one column, and their teachers', with the first of them.

    A flag that all were run with is no difference; nor is what a row sets.

    Raises:
      InputError: one was run with another recipe, or on other videos, or learnt from weights that
        its teacher's run no longer has.
    """
    departures: dict[str, Any] | None = None
    meant: dict[tuple[str, str], dict[str, Any]] = {}  # by data set and row: seeds share it
    records: dict[tuple[str, str], str] = {}  # by name and modality: flow has records of its own
    weights: dict[Path, str] = {}  # by run, as the first that knows them says
    for arm in runner.in_order(runs):
        folder = arm.folder(out)
        if not (folder / "config.json").exists():
            continue
        row = arm.dataset, arm.row.slug
        if row not in meant:
            meant[row] = costs.resolve(arm).by_field()
        saved = workdir.saved_config(folder)
        found = _departures(saved, meant[row])
        departures = found if departures is None else departures
        for field in sorted({*departures, *found}):
            if departures.get(field) != found.get(field):
                raise InputError(
                    f"'{folder}' was run with another {field} than the table's other runs: they "
                    "do not compare; run it again, in another --out"
                )
        network = json.loads((folder / "config.json").read_text()).get("network", {})
        which, identity = (saved["data.name"], saved["data.modality"]), network.get("records", "")
        if records.setdefault(which, identity) != identity:
            raise InputError(
                f"'{folder}' was run on other videos or lists than the table's other runs: they do "
                "not compare; run it again, in another --out"
            )
        for run, digest in _weights(arm, out, network):
            if weights.setdefault(run, digest) != digest:
                raise InputError(
                    f"'{folder}' did not learn from the weights that '{run}' has now, or taught "
                    "others of the table with; delete it, and the same command runs it again"
                )


def _weights(arm: Arm, out: Path, network: Mapping[str, Any]) -> Iterable[tuple[Path, str]]:
    """Returns whose weights a run knows, and their digests: its teachers' and its own."""
    teachers = [teacher.folder(out) for teacher in arm.teachers()]
    known = list(zip(teachers, network.get("teachers", ()), strict=False))
    own = arm.folder(out) / "summary.json"
    if own.exists() and (digest := json.loads(own.read_text()).get("weights")):
        known.append((own.parent, digest))
    return known


def _departures(saved: Mapping[str, Any], meant: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the fields in which a run was not what its row means, and what they were."""
    return {
        field: saved.get(field)
        for field in {*meant, *saved} - _FREE
        if saved.get(field) != meant.get(field)
    }
