"""Keeps XLA's CPU backend from computing an array once for every use of it."""

import jax
import jax.numpy as jnp
from jax import lax


def materialise(x: jax.Array, never: jax.Array) -> jax.Array:
    """Returns `x`, computed only once and written to memory; for programs on CPUs.

    Without this, XLA's CPU backend fuses elementwise work into each copy, slice and transposition
    of its result, and so computes that work several times. XLA removes an `optimization_barrier`
    before it fuses. It keeps a loop whose condition is known only at run time and, unlike a branch,
    a loop passes its array on without a copy. The body of this loop never runs.

    Args:
      x: of any type.
      never: bool `[]`, known at run time alone, and False then; with True the result is wrong.
    """

    def body(carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        return jnp.zeros((), bool), carry[1] + carry[1]

    return lax.while_loop(lambda carry: carry[0], body, (never, x))[1]


def materialise_on_cpu(x: jax.Array, never: jax.Array) -> jax.Array:
    """Returns `x`; on CPUs through `materialise`, whose arguments it has. It has no gradient."""
    return lax.platform_dependent(x, never, cpu=materialise, default=lambda x, never: x)
