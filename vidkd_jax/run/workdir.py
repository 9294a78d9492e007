"""The folder of a run: what it holds, and whether a run may start or be resumed in it."""

import contextlib
import functools
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vidkd_jax.errors import InputError
from vidkd_jax.networks.card import Card, card_of
from vidkd_jax.networks.checkpoints import saved_epoch
from vidkd_jax.run import origins
from vidkd_jax.run.inputs import records_identity
from vidkd_jax.run.saved import saved_config, saved_network, saved_summary
from vidkd_jax.runtime import machine, sharding
from vidkd_jax.runtime.files import write_json
from vidkd_jax.runtime.lock import only_one
from vidkd_jax.settings import differences
from vidkd_jax.settings.settings import Settings


def lock_of(workdir: Path) -> Path:
    """Returns the file that a run locks while it writes to its folder."""
    return workdir / ".lock"


def check(
    workdir: Path,
    settings: Settings,
    flag: str = "--workdir",
    *,
    finish: bool = False,
    records: str | None = None,
) -> dict[str, Any] | None:
    """Checks that a run in this folder is the same one; writes nothing.

    Args:
      workdir: the run's folder.
      settings: of the run that is to be there.
      flag: that chooses another folder, for messages.
      finish: whether it wants no more epochs, however many it has done.
      records: `Card.records` of the run; None: the lists of its data are read.

    Returns:
      Its summary where it is finished and wants no more epochs, None otherwise.

    Raises:
      InputError: the folder holds a run of another config or of more epochs, a damaged one, or
        converted weights.
    """
    if os.path.exists(workdir / "model.json"):  # noqa: PTH110 - as in `read_object`
        raise InputError(
            f"{flag}: '{workdir}' holds converted weights, which would be taken for the run's; "
            "choose another"
        )
    summary = saved_summary(workdir)
    if summary and not {"epochs", "stopped_early"} <= summary.keys():
        raise InputError(
            f"'{workdir / 'summary.json'}' is no run's summary; delete it and run the same command "
            "again"
        )
    epochs = summary.get("epochs") or saved_epoch(workdir)
    if epochs:  # else nothing was trained that could be mixed up
        _check_same(workdir, settings, flag)
        _check_records(workdir, settings, flag, records)
    if epochs > settings.train.epochs:
        raise InputError(
            f"config.train.epochs: {settings.train.epochs}, but the run in '{workdir}' has done "
            f"{epochs}; give that many or more, or use another {flag}"
        )
    stopped = summary.get("stopped_early") and not summary.get("ended_by_hand")
    if summary and (finish or stopped or epochs == settings.train.epochs):
        return summary
    return None


@contextlib.contextmanager
def claim(
    workdir: Path, settings: Settings, network: Mapping[str, Any], *, finish: bool = False
) -> Iterator[dict[str, Any] | None]:
    """Creates the folder, writes `config.json`, and keeps other runs out of the folder.

    Only the first process does so; the others wait for it. Yields what `check` returns once nobody
    else can write there: the summary, if another machine has finished the run in the meantime, else
    None.

    Args:
      workdir: the run's folder.
      settings: of the run.
      network: the student's card as JSON, the digests that `origins.of_run` returns, and that of
        the videos.
      finish: as for `check`.

    Raises:
      InputError: the folder cannot be written, or another run is writing there. All processes
        raise it.
    """
    # Of the lists that this run has opened, which may take minutes to read.
    again = functools.partial(check, finish=finish, records=network.get("records"))
    with contextlib.ExitStack() as stack:
        error = finished = None
        if sharding.is_main():
            try:
                stack.enter_context(_lock(workdir))
                finished = again(workdir, settings)
                if finished is None:
                    _check_network(workdir, network)
                    _begin(workdir, settings, network)
            except InputError as caught:
                error = caught
            except OSError as caught:  # the others wait to be told
                error = _not_writable(workdir, caught)
        sharding.raise_together(error)
        yield finished if sharding.is_main() else again(workdir, settings)


@contextlib.contextmanager
def _lock(workdir: Path) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(only_one(lock_of(workdir), f"--workdir='{workdir}'"))
        except OSError as error:
            raise _not_writable(workdir, error) from error
        yield


def _not_writable(workdir: Path, error: OSError) -> InputError:
    return InputError(f"--workdir='{workdir}' cannot be written ({error.strerror}); choose another")


def _begin(workdir: Path, settings: Settings, network: Mapping[str, Any]) -> None:
    # A resumed run is not finished any more: nobody may take its old summary for its result.
    if saved_summary(workdir).get("ended_by_hand"):
        said = "was ended by --finish; until it ends again, with it or without, it is no result"
        print(f"goes on training: '{workdir}' {said}", file=sys.stderr)
    (workdir / "summary.json").unlink(missing_ok=True)
    write_json(
        workdir / "config.json",
        {
            **settings.as_json(),
            "network": network,
            "environment": {**machine.environment(), **origins.code_of(workdir, settings)},
        },
    )


def _check_network(workdir: Path, network: Mapping[str, Any]) -> None:
    """Refuses to resume a run whose first weights or teachers are other networks now."""
    saved = saved_network(workdir)
    if not saved or not saved_epoch(workdir):
        return
    now = json.loads(json.dumps(network))  # tuples are lists in a file
    if "normalisation" in saved:  # its field for residual frames is younger than some runs
        saved["normalisation"] = {"residual": "none", **saved["normalisation"]}
    for name in ("normalisation", "model", "width"):
        if saved.get(name) != now[name]:
            raise InputError(
                f"config.model.init_from: its {name} is {network[name]} now, the run in "
                f"'{workdir}' began with {saved.get(name)}; use another --workdir"
            )
    if saved.get(origins.VIDEOS, now[origins.VIDEOS]) != now[origins.VIDEOS]:
        raise InputError(
            f"'{workdir}' holds a run on other videos of the same lists: some can be read now that "
            "could not, the other way round, or with another number of frames; use another "
            "--workdir"
        )
    parts = {part: now[part] for part in origins.PARTS}
    origins.check(workdir, {**parts, **saved}, parts)  # a part may be younger than the run


def _check_records(workdir: Path, settings: Settings, flag: str, now: str | None) -> None:
    """Refuses to resume a run whose data set's name now stands for other videos."""
    saved = saved_network(workdir).get("records", "")
    now = records_identity(settings.data) if now is None else now
    if saved and now and saved != now:
        data = settings.data
        raise InputError(
            f"'{workdir}' holds a run on other videos or lists of '{data.name}' than those in "
            f"'{data.root if data.source == 'records' else data.videos}'; use another {flag}"
        )


def saved_card(workdir: Path) -> Card:
    """Returns the card of the network that the run in a folder trains, or has trained.

    Raises:
      InputError: the folder does not say it.
    """
    network = saved_network(workdir)
    return card_of(
        workdir / "config.json",
        {k: v for k, v in network.items() if k not in (*origins.PARTS, origins.VIDEOS)},
    )


def _check_same(workdir: Path, settings: Settings, flag: str) -> None:
    before, now = saved_config(workdir), settings.by_field()
    if before and (fields := differences.when_resumed(before, now)):
        field = "method.name" if "method.name" in fields else fields[0]
        raise InputError(
            f"'{workdir}' holds a run with {field}={before.get(field)!r}, not "
            f"{now.get(field)!r}; use another {flag}"
        )
