"""Devices: the only file that knows meshes and jax.distributed.

Data parallelism over one axis, `data`: batches are split along it, everything else is replicated.
Under `jit` BatchNorm sees the global batch (synchronised statistics), on any number of devices.
"""

from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from vidkd_jax.errors import InputError


def initialize() -> None:
    """Joins the processes of a pod or cluster; must come before any other use of JAX."""
    jax.distributed.initialize()


def is_main() -> bool:
    """Whether this process is the first: the one that writes and prints."""
    return jax.process_index() == 0


def create_mesh() -> Mesh:
    """Returns the mesh of all devices of all processes."""
    return jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))


def replicated(mesh: Mesh) -> NamedSharding:
    """The sharding of state: a copy on every device."""
    return NamedSharding(mesh, PartitionSpec())


def split(mesh: Mesh) -> NamedSharding:
    """The sharding of batches: rows spread over the devices."""
    return NamedSharding(mesh, PartitionSpec("data"))


def replicate(tree: Any, mesh: Mesh) -> Any:
    """Returns the tree with a copy on every device; every process must hold the same values."""
    return jax.device_put(tree, replicated(mesh))


def shard(batch: dict[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
    """Returns the global batch of which each process holds its rows, on the devices."""
    sharding = split(mesh)
    return {
        name: jax.make_array_from_process_local_data(sharding, rows) for name, rows in batch.items()
    }


def check_divisible(field: str, batch_size: int, mesh: Mesh) -> None:
    """Raises InputError where a batch cannot be split evenly over the devices."""
    if batch_size % mesh.size:
        raise InputError(
            f"config.{field}: {batch_size} is not a multiple of the {mesh.size} devices; use "
            f"{-(-batch_size // mesh.size) * mesh.size}"
        )
