"""Checkpoints: the only file that knows Orbax.

A workdir holds `checkpoints/latest` (everything a run needs to go on, the two newest epochs) and
`checkpoints/best` (the students that set a new best on validation: parameters and statistics).
Both are written while the run goes on, those of one epoch at a time, and two are kept of each: a
kill between the two loses nothing, as the run goes on from the older `latest`, whose best is still
there.
"""

import contextlib
import logging
import os
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from orbax.checkpoint import v1 as ocp

from vidkd_jax.errors import InputError
from vidkd_jax.networks.network import Variables

_PROCESSES = "processes"

# Orbax narrates; what fails is raised, too.
logging.getLogger("absl").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", category=UserWarning, module=r"orbax\.")


def _abstract(tree: Any) -> Any:
    """Shapes, dtypes and shardings of a pytree, which Orbax restores to."""

    def leaf(x: jax.Array) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding)

    return jax.tree.map(leaf, tree)


def _folder(workdir: Path, kind: str) -> Path:
    """Returns the folder of the checkpoints of a kind, "latest" or "best"."""
    return (workdir / "checkpoints" / kind).absolute()


def _saved_epochs(workdir: Path, kind: str) -> list[int]:
    """Returns the epochs of the checkpoints of a kind, in order; [] where there are none."""
    folder = _folder(workdir, kind)
    # Path.is_dir raises where a parent folder is not readable; os.path.isdir does not.
    if not os.path.isdir(folder):  # noqa: PTH112
        return []
    # Only finished checkpoints have a number as their name.
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())


def saved_epoch(workdir: Path) -> int:
    """Returns the epoch from which a run in the folder goes on; 0 where it begins anew.

    A run that is killed while its first epoch is written may leave a state without its best
    student, or this without a state, and then begins anew.
    """
    latest, best = (_saved_epochs(workdir, kind) for kind in ("latest", "best"))
    is_half = latest == [1] and not best
    return latest[-1] if latest and not is_half else 0


class Checkpoints:
    """The checkpoints of one run, by epoch."""

    def __init__(self, workdir: Path, *, keep_epochs: Sequence[int] = ()) -> None:
        """Opens the folder; the checkpoints after the epochs `keep_epochs` are never deleted.

        Raises:
          InputError: a checkpoint is damaged, or the best student that it tells of is gone.
        """
        policies = ocp.training.preservation_policies
        keep_two = policies.LatestN(2)
        keep = policies.AnyPreservationPolicy([keep_two, policies.CustomSteps(keep_epochs)])
        self._latest, self._best = (
            ocp.training.Checkpointer(
                _folder(workdir, name),
                preservation_policy=policy,
                cleanup_tmp_directories=True,
                context=_own_barriers(name),
            )
            for name, policy in (("latest", keep if keep_epochs else keep_two), ("best", keep_two))
        )
        self._epoch, self._writing = 0, list[Any]()
        self._drop_halves()

    def _drop_halves(self) -> None:
        """Deletes what is left of the newest epoch if its other half was lost: it is done again."""
        best = {checkpoint.step for checkpoint in self._best.checkpoints}
        half = None
        for epoch in sorted((each.step for each in self._latest.checkpoints), reverse=True):
            wanted = epoch if epoch in best else self._best_epoch(epoch)
            if wanted in best:
                break
            # No later best student was ever begun beside a half of an epoch.
            if wanted != epoch or half or max(best, default=0) > epoch:
                raise InputError(
                    f"checkpoint '{self._best.directory / str(wanted)}' is gone, the best student "
                    f"of the run; {_begin_again(self._best.directory)}"
                )
            half = epoch
        if half:
            self._latest.delete(half)
        done = self.latest_epoch() or 0
        for checkpoint in list(self._best.checkpoints):
            if checkpoint.step > done:
                self._best.delete(checkpoint.step, missing_ok=True)

    def _best_epoch(self, epoch: int) -> int:
        """Returns which epoch was the best one when an epoch was saved."""
        with self._readable_latest(epoch):
            saved = self._latest.checkpointables_metadata(epoch).custom_metadata
            return int(saved["best_epoch"])

    def save_latest(self, epoch: int, state: Any, data: Any, progress: dict[str, Any]) -> None:
        """Begins to save all that the run needs to go on after `epoch`.

        What is saved is as of now, whatever becomes of state and iterator.

        Args:
          epoch: epochs done.
          state: the train state.
          data: the training data's Grain iterator.
          progress: the rest, JSON: schedule, best epoch.
        """
        metadata = {**progress, _PROCESSES: jax.process_count()}
        self._save(self._latest, epoch, {"state": state, "data": data}, custom_metadata=metadata)

    def save_best(self, epoch: int, variables: Variables) -> None:
        """Begins to save the student that set a new best on validation."""
        self._save(self._best, epoch, {"variables": variables})

    def _save(self, where: Any, epoch: int, what: dict[str, Any], **metadata: Any) -> None:
        if epoch != self._epoch:
            self._wait()
        self._epoch = epoch
        self._writing.append(
            where.save_checkpointables_async(epoch, what, force=True, overwrite=True, **metadata)
        )

    def _wait(self) -> None:
        """Waits until what was begun is on the disk, and raises what kept it from there."""
        while self._writing:
            self._writing.pop().result()

    def latest_epoch(self) -> int | None:
        """Returns the epoch of the newest checkpoint, None before the first."""
        return self._latest.latest.step if self._latest.latest else None

    def load_latest(self, state: Any, data: Any) -> tuple[Any, dict[str, Any]]:
        """Returns the saved state and progress, and moves the iterator `data` to its place.

        Args:
          state: of the structure, shapes and shardings that are expected.
          data: the training data's Grain iterator.

        Raises:
          InputError: the checkpoint is of another model, optimiser or number of processes, or is
            damaged.
        """
        newest = self._latest.latest
        path = self._latest.directory / str(newest.step)
        with self._readable_latest(newest.step):
            progress = dict(self._latest.checkpointables_metadata(newest).custom_metadata)
            # Grain names its part by process.
            if (processes := progress.pop(_PROCESSES, 0)) not in (0, jax.process_count()):
                raise InputError(
                    f"checkpoint '{path}' was written by {processes} processes; start as many"
                )
            loaded = self._latest.load_checkpointables(
                newest, {"state": _abstract(state), "data": data}
            )
        return loaded["state"], progress

    def load_best(self, epoch: int, variables: Variables) -> Variables:
        """Returns the student saved as best after `epoch`, shaped and sharded as `variables`.

        Waits for all that is being written.

        Raises:
          InputError: the checkpoint is of another model, or is damaged or gone.
        """
        self._wait()
        path = self._best.directory / str(epoch)
        with _readable(path, _begin_again(path.parent)):
            loaded = self._best.load_checkpointables(epoch, {"variables": _abstract(variables)})
        return loaded["variables"]

    def _readable_latest(self, epoch: int) -> contextlib.AbstractContextManager[None]:
        remedy = "delete it to go on from the one before, or use another --workdir"
        return _readable(self._latest.directory / str(epoch), remedy)

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Waits for what is being written. Its errors are none beside one that ends the run."""
        with contextlib.suppress(*([] if kind is None else [Exception])):
            try:
                self._latest.close()
            finally:
                self._best.close()


def _begin_again(kind: Any) -> str:
    """Returns the remedy where a best student is lost, whose checkpoints are in this folder."""
    return f"delete '{kind.parent}' to start again, or use another --workdir"


def save_variables(folder: Path, variables: Variables) -> None:
    """Saves a network's variables in a folder; replaces what is there."""
    ocp.save_checkpointables(folder.absolute(), {"variables": variables}, overwrite=True)


def load_variables(folder: Path) -> Variables:
    """Returns the variables that `save_variables` or `Checkpoints.save_best` saved, NumPy arrays.

    Raises:
      InputError: the checkpoint is damaged or gone.
    """
    folder = folder.absolute()
    if not folder.is_dir():
        raise InputError(
            f"checkpoint '{folder}' is not there; copy it from where it was made, or make it again"
        )
    with _readable(folder, "make it again"):
        return Variables(**_load_numpy(folder, "variables")[0])


def load_best_of(workdir: Path, epoch: int) -> Variables:
    """Returns the best student of a run, NumPy, as `load_variables`; `epoch` is its epoch.

    Raises:
      InputError: see `load_variables`.
    """
    return load_variables(_folder(workdir, "best") / str(epoch))


def load_epoch(workdir: Path, epoch: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the state and the progress that a run saved after an epoch.

    Args:
      workdir: the run's folder.
      epoch: one of the two newest, or of the run's `train.keep_epochs`.

    Returns:
      The train state as nested dictionaries and lists of NumPy arrays, and the progress.

    Raises:
      InputError: the epoch was not kept, or its checkpoint is damaged.
    """
    kept = _saved_epochs(workdir, "latest")
    if epoch not in kept:
        remedy = f"train it with train.keep_epochs=({epoch},)"
        if kept and epoch > kept[-1]:
            remedy = (
                "its training has ended before, or goes on: name an earlier epoch, or train it "
                "that long (schedule.perfect_epochs and schedule.early_stopping end a run)"
            )
        raise InputError(
            f"'{workdir}' holds no checkpoint after epoch {epoch}, but after epochs "
            f"{', '.join(map(str, kept)) or 'none'}; {remedy}"
        )
    folder = _folder(workdir, "latest") / str(epoch)
    with _readable(folder, "make it again"):
        state, progress = _load_numpy(folder, "state")
    progress.pop(_PROCESSES, None)
    return state, progress


def _load_numpy(folder: Path, name: str) -> tuple[Any, dict[str, Any]]:
    """Returns a part of a checkpoint, whatever its structure, as NumPy arrays, and its metadata."""
    with _alone():
        found = ocp.checkpointables_metadata(folder)
        like = jax.tree.map(lambda leaf: np.empty(leaf.shape, leaf.dtype), found.metadata[name])
        loaded = ocp.load_checkpointables(folder, {name: like})[name]
    return loaded, dict(found.custom_metadata or {})


def _alone() -> contextlib.AbstractContextManager[Any]:
    """Returns the context in which a process reads by itself what others may not have to read."""
    if jax.process_count() == 1:
        return contextlib.nullcontext()
    own = jax.process_index()
    options = ocp.options.MultiprocessingOptions(primary_host=own, active_processes={own})
    return ocp.Context(multiprocessing_options=options)


def _own_barriers(name: str) -> ocp.Context:
    """Returns the context of a checkpointer: two that write at once must not share barriers."""
    options = ocp.options.MultiprocessingOptions(barrier_sync_key_prefix=name)
    return ocp.Context(multiprocessing_options=options)


@contextlib.contextmanager
def _readable(path: Any, remedy: str) -> Iterator[None]:
    """Turns whatever Orbax raises on a foreign or damaged checkpoint into one line."""
    try:
        yield
    except (OSError, ValueError, LookupError, TypeError, RuntimeError) as error:
        lines = (str(error) or type(error).__name__).strip().splitlines()
        cause = textwrap.shorten(lines[0], 120, placeholder=" ...")
        raise InputError(
            f"checkpoint '{path}' cannot be read: it is damaged, or of another model or optimiser "
            f"({cause}); {remedy}"
        ) from error
