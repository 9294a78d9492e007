"""Banks: one feature for each training video, moved a little whenever the video is seen (PCL)."""

import jax
import jax.numpy as jnp

_ROWS = 64  # a bank's rows are a multiple of it, so that devices can share them


def first_bank(key: jax.Array, videos: int, width: int) -> jax.Array:
    """Returns a bank before the first step, float32 [rows, width], its rows at least `videos`.

    PCL's released code draws it uniformly from -s to s with s = 1 / sqrt(width / 3).
    """
    rows = -(-videos // _ROWS) * _ROWS
    bound = (width / 3) ** -0.5
    return jax.random.uniform(key, (rows, width), minval=-bound, maxval=bound)


def move_bank(bank: jax.Array, videos: jax.Array, seen: jax.Array, momentum: float) -> jax.Array:
    """Returns the bank with the seen videos' rows moved, and scaled to length 1 again.

    A video that is there several times has one new row, from the mean of what was seen of it.

    Args:
      bank: float32 [rows, width].
      videos: numbers of the rows, int [b].
      seen: features of length 1, float32 [b, width].
      momentum: the share of the old row; 0.5 in PCL's code.
    """
    same = (videos[:, None] == videos).astype(jnp.float32)
    mean = same @ seen / jnp.sum(same, axis=1, keepdims=True)
    moved = momentum * bank[videos] + (1 - momentum) * mean
    length = jnp.linalg.norm(moved, axis=1, keepdims=True)
    return bank.at[videos].set(moved / jnp.maximum(length, 1e-12))
