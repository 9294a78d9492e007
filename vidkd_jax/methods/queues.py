"""Queues of features of earlier batches: the negatives of contrastive losses (MoCo; DTG-Net)."""

from typing import Any

import jax
import jax.numpy as jnp

from vidkd_jax.errors import InputError

NOBODY = -1  # the video of a row that nothing has been written to


def first_queues(rows: int, widths: tuple[int, ...]) -> dict[str, Any]:
    """Returns empty queues of one length.

    Args:
      rows: K, their length.
      widths: of the features of each queue.

    Returns:
      "features": of each queue, float32 [K, width]; "videos": of their rows, alike in all of them,
      int32 [K].
    """
    features = tuple(jnp.zeros((rows, width)) for width in widths)
    return {"features": features, "videos": jnp.full(rows, NOBODY)}


def enqueue(
    queues: dict[str, Any], features: tuple[jax.Array, ...], videos: jax.Array, step: jax.Array
) -> dict[str, Any]:
    """Returns the queues after the oldest rows gave way to a batch.

    Args:
      queues: as of `first_queues`.
      features: new ones for each queue, [b, width].
      videos: of these rows, int [b].
      step: how many batches of this size have come before, int [].

    Raises:
      InputError: the batch is longer than the queues.
    """
    rows, batch = len(queues["videos"]), len(videos)
    if batch > rows:
        raise InputError(
            f"config.method.queue: {rows} features, but a batch has {batch}; use at least that"
        )
    # Where `step * batch` would overflow, its rest by `rows` would not.
    places = ((step % rows) * batch + jnp.arange(batch)) % rows
    pairs = zip(queues["features"], features, strict=True)
    return {
        "features": tuple(old.at[places].set(new) for old, new in pairs),
        "videos": queues["videos"].at[places].set(videos.astype(jnp.int32)),
    }


def counted(queues: dict[str, Any], videos: jax.Array) -> jax.Array:
    """Returns which rows are of another video than each of the batch's, bool [b, K]."""
    queued = queues["videos"]
    return (queued != NOBODY) & (queued != videos[:, None])
