"""What a run's folder says: config.json its settings and its network, summary.json its results."""

from pathlib import Path
from typing import Any

from vidkd_jax import methods
from vidkd_jax.errors import InputError
from vidkd_jax.runtime.files import read_object
from vidkd_jax.settings.config import from_json, get_base_config, read
from vidkd_jax.settings.settings import Settings, flatten


def saved_summary(workdir: Path) -> dict[str, Any]:
    """Returns a run's summary.json; {} where it is not finished.

    Raises:
      InputError: the file is damaged.
    """
    return read_object(workdir / "summary.json")


def is_finished(workdir: Path) -> bool:
    """Whether a run has its results, and nobody has ended it before its time.

    A run that is resumed deletes its summary first.

    Raises:
      InputError: the file is damaged.
    """
    there = (workdir / "summary.json").exists()
    return there and not saved_summary(workdir).get("ended_by_hand")


def saved_network(workdir: Path) -> dict[str, Any]:
    """Returns what a run's config.json says of its network: `workdir.claim` writes it.

    A run of an old version may lack some of it, or all.

    Raises:
      InputError: the file is damaged.
    """
    network: dict[str, Any] = _saved(workdir).get("network", {})
    return network


def saved_environment(workdir: Path) -> dict[str, Any]:
    """Returns the versions and devices that a run began with; {} where it does not say them.

    Raises:
      InputError: the file is damaged.
    """
    environment: dict[str, Any] = _saved(workdir).get("environment", {})
    return environment


def saved_fields(workdir: Path) -> dict[str, Any]:
    """Returns the fields in a run's config.json as they stand, by dotted name; {} without one.

    Raises:
      InputError: the file is damaged.
    """
    return flatten(_saved(workdir))


def saved_settings(workdir: Path, *, any_method: bool = False) -> Settings | None:
    """Returns the settings of the run in a folder; None where there is none.

    Fields that are younger than the run have their defaults.

    Args:
      workdir: the run's folder.
      any_method: puts the default method in place of one that is not known here.

    Raises:
      InputError: the file is damaged, or has a field or a method that is not known here.
    """
    saved = _saved(workdir)
    if not saved:
        return None
    if "method" not in saved:
        raise _no_config(workdir)
    for beside in ("environment", "network"):
        saved.pop(beside, None)
    if any_method and saved["method"]["name"] not in methods.available():
        saved["method"] = {"name": get_base_config().method.name}
    try:
        return read(from_json(saved))
    except InputError as error:
        raise InputError(f"'{workdir / 'config.json'}': {error}") from error


def saved_config(workdir: Path) -> dict[str, Any]:
    """Returns the config of the run in a folder by dotted field; {} where there is none.

    Raises:
      InputError: see `saved_settings`.
    """
    settings = saved_settings(workdir)
    return {} if settings is None else settings.by_field()


def _saved(workdir: Path) -> dict[str, Any]:
    """Returns a run's config.json; {} where there is none.

    Raises:
      InputError: it is damaged.
    """
    saved = read_object(workdir / "config.json")
    network, method = saved.get("network", {}), saved.get("method", {"name": ""})
    if not (isinstance(network, dict) and isinstance(method, dict) and "name" in method):
        raise _no_config(workdir)
    return saved


def _no_config(workdir: Path) -> InputError:
    path = workdir / "config.json"
    return InputError(f"'{path}' is no run's config; copy it again from where the run was made")
