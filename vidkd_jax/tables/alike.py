"""Whether finished runs compare: the same videos, and one recipe but for what their rows set."""

import functools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vidkd_jax.errors import InputError
from vidkd_jax.networks import weights as weights_lib
from vidkd_jax.run import origins, workdir
from vidkd_jax.run.saved import saved_config, saved_network
from vidkd_jax.tables import costs
from vidkd_jax.tables.arms import Arm, in_order
from vidkd_jax.tables.row import TEACHERS, TRUNK, rows_in

# Fields that may differ between runs that compare: they do not change a run's figures. The number
# of epochs does, although a run may be resumed with another one.
_FREE = {*workdir.MAY_CHANGE, "seed", TEACHERS, "data.workers", "distributed"}
_FREE -= {"train.epochs"}


def check_alike(runs: Iterable[Arm], out: Path) -> Mapping[str, Any]:
    """Compares the finished runs of one column, and the runs that they need, with the first.

    Two things make no difference: what a row sets, and a flag that all runs were given.

    Args:
      runs: of the column.
      out: the folder of all runs.

    Returns:
      The fields that a flag gave all runs another value of than the table has, and this value.

    Raises:
      InputError: a run had another recipe, or other videos; or it learnt from, or started from,
        weights that are not those of the run that its row names.
    """
    departures: dict[str, Any] | None = None
    meant: dict[tuple[str, str], dict[str, Any]] = {}  # by data set and row: seeds share it
    records: dict[tuple[str, str], str] = {}  # by name and modality: flow has records of its own
    weights: dict[Path, str] = {}  # digest by run, as the first run says that knows it
    for arm in in_order(runs):
        folder = arm.folder(out)
        if not (folder / "config.json").exists():
            continue
        row = arm.dataset, arm.row.slug
        if row not in meant:
            meant[row] = costs.resolve(arm).by_field()
        saved = saved_config(folder)
        found = _departures(arm, saved, meant[row])
        departures = found if departures is None else departures
        _check_recipe(folder, found, departures)
        _check_needed(arm, saved, folder)
        network = saved_network(folder)
        which, identity = (saved["data.name"], saved["data.modality"]), network.get("records", "")
        if records.setdefault(which, identity) != identity:
            raise InputError(
                f"'{folder}' was run on other videos or lists than the table's other runs: they do "
                "not compare; run it again, in another --out"
            )
        _check_weights(folder, _weights(arm, out, network), weights)
    return departures or {}


def _departures(arm: Arm, saved: Mapping[str, Any], meant: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the fields in which a run was not what its row means, and what they were."""
    of_rows = {field for field, value in arm.row.overrides.items() if rows_in(value)}
    return {
        field: saved.get(field)
        for field in {*meant, *saved} - _FREE - of_rows
        if saved.get(field) != meant.get(field)
    }


def _check_recipe(folder: Path, found: Mapping[str, Any], first: Mapping[str, Any]) -> None:
    """Refuses a run whose departures from its row are not those of the first run."""
    for field in sorted({*first, *found}):
        if first.get(field) != found.get(field):
            raise InputError(
                f"'{folder}' was run with another {field} than the table's other runs: they do not "
                "compare; run it again, in another --out"
            )


def _check_needed(arm: Arm, saved: Mapping[str, Any], folder: Path) -> None:
    """Refuses a run that was started from other runs than its row names.

    Only the ends of the paths count, because --out may have moved. Teachers are compared by their
    weights instead.
    """
    for field, value in arm.overrides(Path()).items():
        converted = bool(arm.converted(Path(), field))
        if field == TEACHERS or not (converted or arm.needs(field)):
            continue
        if _ends(saved.get(field), converted) != _ends(value, converted):
            raise InputError(
                f"'{folder}' was run with {field}={saved.get(field)!r}, and its row names "
                f"'{value}'; delete it, and the same command runs it again"
            )


def _ends(value: Any, converted: bool) -> list[tuple[str, ...]]:
    """Returns data set, row and seed of each run that a field names; of weights their folder."""
    paths = value if isinstance(value, tuple | list) else (value,)
    return [Path(str(path)).parts[-2 if converted else -3 :] for path in paths]


def _check_weights(
    folder: Path, known: Iterable[tuple[Path, str]], weights: dict[Path, str]
) -> None:
    """Refuses a run that knows other weights of a run than the runs before it; adds what is new."""
    for run, digest in known:
        if weights.setdefault(run, digest) != digest:
            raise InputError(
                f"'{folder}' did not learn from the weights that '{run}' has now, or taught others "
                "of the table with; delete it, and the same command runs it again"
            )


def _weights(arm: Arm, out: Path, network: Mapping[str, Any]) -> Iterable[tuple[Path, str]]:
    """Returns the runs whose weights a run knows, and their digests.

    They are its teachers, what it started from, and itself, and the converted weights as they are
    now. The state that a fork started from is not its trunk's best student: it counts as one of the
    trunk's epoch.
    """
    named = arm.overrides(out)
    teachers = map(Path, named.get(TEACHERS, ()))
    known = list(zip(teachers, network.get(origins.TEACHERS, ()), strict=False))
    if start := named.get("model.init_from"):
        known += zip([Path(start)], network.get(origins.START, ()), strict=False)
    if trunk := named.get(TRUNK):
        state = Path(trunk) / f"epoch {named['train.fork_epoch']}"
        known += zip([state], network.get(origins.START, ()), strict=False)
    known += [(folder, _digest(folder)) for folder in arm.converted(out)]
    own = arm.folder(out) / "summary.json"
    if own.exists() and (digest := json.loads(own.read_text()).get("weights")):
        known.append((own.parent, digest))
    return known


@functools.cache  # many rows name the same weights
def _digest(folder: Path) -> str:
    (digest,) = weights_lib.digests([str(folder)])
    return digest
