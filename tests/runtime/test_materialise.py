"""What is materialised is the array itself, computed once."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vidkd_jax.runtime.materialise import materialise_on_cpu


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "uint8", "bool"])
def test_the_array_is_what_it_was(dtype: str) -> None:
    x = (jnp.arange(12.0).reshape(3, 4) * 5 / 7).astype(dtype)
    found = jax.jit(materialise_on_cpu)(x, jnp.zeros((), bool))
    np.testing.assert_array_equal(found, x)


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="elsewhere it does nothing")
def test_a_result_that_is_read_twice_is_computed_once() -> None:
    def twice(x: jax.Array, never: jax.Array, *, once: bool) -> jax.Array:
        y = jnp.sin(x)
        y = materialise_on_cpu(y, never) if once else y
        return jnp.concatenate([y.T[:, ::-1], y], axis=1)

    def sines(*, once: bool) -> int:
        x, never = jnp.ones((64, 64)), jnp.zeros((), bool)
        compiled = jax.jit(lambda x, never: twice(x, never, once=once)).lower(x, never).compile()
        return len(re.findall(r" sine\(", compiled.as_text()))

    assert (sines(once=False), sines(once=True)) == (2, 1)
