"""Devices and processes; the only file that uses meshes and jax.distributed.

Training is data-parallel over one mesh axis, `data`: batches are split along it, and everything
else is replicated. Under `jit`, BatchNorm uses the statistics of the global batch (synchronised
BatchNorm) on any number of devices.
"""

import contextlib
import hashlib
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from vidkd_jax.errors import InputError

_LONGEST = 2048  # bytes of the longest message that is sent between processes
_PATIENCE = 10.0  # seconds in which processes that fail together have all come to their end


def initialize() -> None:
    """Connects the processes of a pod or cluster. Call it before any other use of JAX.

    JAX finds the processes by itself on TPU pods and with SLURM, Open MPI or Kubernetes. Elsewhere,
    the environment variables JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID must say
    where they are.

    Raises:
      InputError: JAX cannot find the processes, or cannot reach them.
    """
    # Else JAX would catch a SIGTERM to tell the others of it, and the process would run on.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        number, own = (
            int(os.environ[name]) if name in os.environ else None
            for name in ("JAX_NUM_PROCESSES", "JAX_PROCESS_ID")
        )
        jax.distributed.initialize(num_processes=number, process_id=own)
    except (ValueError, RuntimeError) as error:
        raise InputError(
            "config.distributed: the processes cannot be connected "
            f"({str(error).splitlines()[0]}); "
            "start them on a TPU pod or with SLURM, Open MPI or Kubernetes, or set "
            "JAX_COORDINATOR_ADDRESS=HOST:PORT, JAX_NUM_PROCESSES and JAX_PROCESS_ID"
        ) from error


def is_main() -> bool:
    """Returns whether this process is the first, which writes files and prints."""
    return jax.process_index() == 0


def describe() -> str:
    """Returns how many devices and processes there are; "" where there is one of each."""
    devices, processes = jax.device_count(), jax.process_count()
    if devices == processes == 1:
        return ""
    kind = jax.devices()[0].device_kind
    return f"{devices} devices ({kind}) of {processes} process{'es' if processes > 1 else ''}"


def raise_together(error: InputError | None) -> None:
    """Raises the error of any process in all processes.

    Otherwise the other processes would wait for this one for ever.
    """
    if _are_several():
        text = str(error or "").encode()[:_LONGEST]
        padded = np.frombuffer(text.ljust(_LONGEST, b"\0"), np.uint8)
        table = np.asarray(multihost_utils.process_allgather(padded))
        said = [row.tobytes().rstrip(b"\0").decode(errors="replace") for row in table]
        if messages := [message for message in said if message]:
            raise InputError(str(error or messages[0])) from error
    if error is not None:
        raise error


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Raises the InputError of any process in all processes, once all have done what is inside.

    What is inside must not wait for other processes.
    """
    error = None
    try:
        yield
    except InputError as caught:
        error = caught
    raise_together(error)


def all_say(said: bool) -> bool:
    """Returns whether it is true in all processes."""
    if not _are_several():
        return said
    return bool(np.all(multihost_utils.process_allgather(np.array(said))))


def _are_several() -> bool:
    """Returns whether several processes train together.

    The devices are asked for only if processes have been connected: a table checks finished runs
    before it starts others, which find a TPU taken that it holds.
    """
    return jax.distributed.is_initialized() and jax.process_count() > 1


def wait_for_all(name: str) -> None:
    """Waits until all processes are here; `name` says where."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(name)


def leave(status: int) -> NoReturn:
    """Ends this process after an error.

    The others mostly end with the same one. Where they do not, they may be waiting for this one,
    and JAX, which would wait for them for minutes, is left: it ends them once this one is gone.
    """
    if not jax.distributed.is_initialized():
        sys.exit(status)
    ending = threading.Thread(target=jax.distributed.shutdown, daemon=True)
    ending.start()
    ending.join(_PATIENCE)
    if ending.is_alive():
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):  # such as a closed pipe
                stream.flush()
        os._exit(status)
    sys.exit(status)


def check_same(values: Callable[[], Mapping[str, str]], remedy: str) -> None:
    """Raises InputError in all processes if a value differs between them.

    Args:
      values: returns them by what they are. Their names must be the same in all processes.
      remedy: ends the message.
    """
    if jax.process_count() == 1:
        return
    own = values()
    digests = [hashlib.sha256(value.encode()).digest() for value in own.values()]
    table = np.frombuffer(b"".join(digests), np.uint8).reshape(len(own), -1)
    differs = np.ptp(multihost_utils.process_allgather(table), axis=0).any(axis=-1)
    for name, different in zip(own, differs, strict=True):
        if different:
            raise InputError(f"{name}: not the same in all processes; {remedy}")


def create_mesh() -> Mesh:
    """Returns the mesh of all devices of all processes."""
    return jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))


def replicated(mesh: Mesh) -> NamedSharding:
    """Returns the sharding of the state: a copy on every device."""
    return NamedSharding(mesh, PartitionSpec())


def split(mesh: Mesh) -> NamedSharding:
    """Returns the sharding of batches: the rows are split over the devices."""
    return NamedSharding(mesh, PartitionSpec("data"))


def replicate(tree: Any, mesh: Mesh) -> Any:
    """Copies the tree to every device. The values must be the same in all processes."""
    return jax.device_put(tree, replicated(mesh))


def place(memory: Mapping[str, Any], split_names: Iterable[str], mesh: Mesh) -> dict[str, Any]:
    """Copies or splits the memory of a method over the devices.

    Args:
      memory: Arrays, or pytrees of arrays, by name. The values must be the same in all processes.
      split_names: Names of the arrays that are split along their first axis. All other arrays are
        copied to every device.
      mesh: The devices.

    Raises:
      InputError: An array cannot be split evenly, or there is none of a name.
    """
    names = {*split_names}
    for name in sorted(names):
        if name not in memory:
            raise InputError(
                f"the method's sharded_memory names '{name}', and its memory holds "
                f"{', '.join(sorted(memory)) or 'nothing'}; correct the name"
            )
        for leaf in jax.tree.leaves(memory[name]):
            if leaf.shape[0] % mesh.size:
                raise InputError(
                    f"the method's memory '{name}' has {leaf.shape[0]} rows, which is not a "
                    f"multiple of the {mesh.size} devices; use another length"
                )
    return {
        name: jax.device_put(tree, split(mesh) if name in names else replicated(mesh))
        for name, tree in memory.items()
    }


def keep_place(
    memory: Mapping[str, Any], split_names: Iterable[str], mesh: Mesh
) -> Mapping[str, Any]:
    """Keeps the memory, inside a compiled step, on the devices where `place` put it."""
    names = {*split_names}
    return {
        name: jax.lax.with_sharding_constraint(
            tree, split(mesh) if name in names else replicated(mesh)
        )
        for name, tree in memory.items()
    }


def keep_copied(tree: Any, mesh: Mesh) -> Any:
    """Keeps a copy of the tree on every device, inside a compiled step."""
    return jax.lax.with_sharding_constraint(tree, replicated(mesh))


def shard(batch: dict[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
    """Returns the global batch on the devices, from the rows that this process holds."""
    sharding = split(mesh)
    return {
        name: jax.make_array_from_process_local_data(sharding, rows) for name, rows in batch.items()
    }


def check_divisible(field: str, batch_size: int, mesh: Mesh) -> None:
    """Raises InputError if a batch cannot be split evenly over the devices."""
    if batch_size % mesh.size:
        raise InputError(
            f"config.{field}: {batch_size} is not a multiple of the {mesh.size} devices; use "
            f"{-(-batch_size // mesh.size) * mesh.size}"
        )
