"""Whether finished runs compare: the same videos, and one recipe but for what their rows set."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vidkd_jax.errors import InputError
from vidkd_jax.networks import weights as weights_lib
from vidkd_jax.run import origins
from vidkd_jax.run.saved import saved_config, saved_network, saved_summary
from vidkd_jax.settings import differences
from vidkd_jax.tables.arms import Arm, in_order
from vidkd_jax.tables.resolving import resolve
from vidkd_jax.tables.row import TEACHERS, TRUNK, rows_in


class _Saved(NamedTuple):
    """The settings of a finished run.

    Attributes:
      folder: of the run.
      fields: its settings by dotted field.
      departs: the fields in which it was not what its row means.
    """

    folder: Path
    fields: Mapping[str, Any]
    departs: frozenset[str]


def check_alike(runs: Iterable[Arm]) -> Mapping[str, Any]:
    """Compares the finished runs of one column, and the runs that they need.

    Two things make no difference: what a row sets, and a flag that all runs were given.

    Args:
      runs: of the column.

    Returns:
      The fields that a flag gave all runs another value of than the table has, and this value.

    Raises:
      InputError: a run had another recipe, or other videos; or it learnt from, or started from,
        weights that are not those of the run that its row names.
    """
    found: list[_Saved] = []
    records: dict[tuple[str, str], str] = {}  # by name and modality: flow has records of its own
    weights: dict[Path, str] = {}  # digest by run, as the first run says that knows it
    for arm in in_order(runs):
        folder = arm.folder
        if not (saved := saved_config(folder)):
            if arm.is_finished():
                raise InputError(
                    f"'{folder}' has no config.json, so it is not known whether it compares; copy "
                    "it again from where the run was made, or delete the folder and run it again"
                )
            continue
        found.append(_Saved(folder, saved, _departures(arm, saved)))
        _check_recipe(found)
        _check_needed(arm, saved, folder)
        network = saved_network(folder)
        which, identity = (saved["data.name"], saved["data.modality"]), network.get("records", "")
        if records.setdefault(which, identity) != identity:
            raise InputError(
                f"'{folder}' was run on other videos or lists than the table's other runs: they do "
                "not compare; run it again, in another --out"
            )
        _check_weights(folder, _weights(arm, saved, network), weights)
    departures = {field for run in found for field in run.departs}
    return {field: found[0].fields.get(field) for field in sorted(departures)}


def given(arm: Arm, saved: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the settings that a flag gave a finished run in place of those that its row means.

    Args:
      arm: the run.
      saved: its settings, by dotted field.
    """
    return {field: saved[field] for field in _departures(arm, saved) & {*saved}}


def _departures(arm: Arm, saved: Mapping[str, Any]) -> frozenset[str]:
    """Returns the fields in which a run was not what its row means, but for what it needs."""
    meant = resolve(arm).by_field()
    of_rows = {field for field, value in arm.row.overrides.items() if rows_in(value)}
    return frozenset(differences.between_runs(saved, meant)) - of_rows


def _check_recipe(runs: Sequence[_Saved]) -> None:
    """Refuses the last run if it was given another setting than the others by a flag.

    A flag may give all runs what some rows mean anyway: then these depart in nothing.
    """
    first, last = runs[0], runs[-1]
    for field in sorted({field for run in runs for field in run.departs}):
        if any(run.fields.get(field) != first.fields.get(field) for run in runs):
            raise InputError(
                f"'{last.folder}' was run with another {field} than the table's other runs: they "
                "do not compare; run it again, in another --out"
            )


def _check_needed(arm: Arm, saved: Mapping[str, Any], folder: Path) -> None:
    """Refuses a run that was started from other runs than its row names.

    Only the ends of the paths count, because --out may have moved. Teachers are compared by their
    weights instead.
    """
    for field, value in arm.overrides().items():
        converted = bool(arm.converted(field))
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


def _weights(
    arm: Arm, saved: Mapping[str, Any], network: Mapping[str, Any]
) -> Iterable[tuple[Path, str]]:
    """Returns the runs whose weights a run knows, and their digests.

    They are its teachers, what it started from, and itself, and the converted weights as they are
    now. The state that a fork started from is not its trunk's best student: it counts as one of the
    trunk's epoch.
    """
    named = arm.overrides()
    teachers = map(Path, named.get(TEACHERS, ()))
    known = list(zip(teachers, network.get(origins.TEACHERS, ()), strict=False))
    if start := named.get("model.init_from"):
        known += zip([Path(start)], network.get(origins.START, ()), strict=False)
    if trunk := named.get(TRUNK):
        state = Path(trunk) / f"epoch {saved['train.fork_epoch']}"
        known += zip([state], network.get(origins.START, ()), strict=False)
    known += [(folder, _digest(folder)) for folder in arm.converted()]
    own = arm.folder
    if digest := saved_summary(own).get("weights"):
        known.append((own, digest))
    return known


@functools.cache  # many rows name the same weights
def _digest(folder: Path) -> str:
    (digest,) = weights_lib.digests([str(folder)])
    return digest
