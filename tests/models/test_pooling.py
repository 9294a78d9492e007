"""Max-pooling is that of XLA and PyTorch, with its gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from vidkd_jax.models.pooling import max_pool

UNPADDED = ((0, 0), (0, 0), (0, 0))
CASES = [
    ((1, 2, 2), (1, 2, 2), UNPADDED),  # C3D
    ((2, 2, 2), (2, 2, 2), UNPADDED),
    ((3, 3, 3), (2, 2, 2), ((1, 1), (1, 1), (1, 1))),  # Hara et al.
    ((3, 3, 3), (1, 2, 2), ((1, 1), (0, 1), (0, 1))),  # TY's released network
    ((2, 3, 3), (2, 2, 2), UNPADDED),  # I3D
    ((1, 3, 3), (1, 2, 2), ((0, 0), (1, 1), (1, 1))),
    ((2, 1, 1), (2, 1, 1), UNPADDED),
    ((1, 2, 2), (3, 3, 3), UNPADDED),  # some pixels are in no window
]


def clips(shape: tuple[int, ...], *, ties: bool) -> jax.Array:
    x = jax.random.normal(jax.random.key(0), shape)
    return jnp.round(x) if ties else x


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("shape", [(2, 8, 12, 10, 3), (1, 5, 7, 9, 2)])
@pytest.mark.parametrize(("window", "strides", "padding"), CASES)
def test_values_and_gradients_are_those_of_flax(window, strides, padding, shape, ties):
    x = clips(shape, ties=ties)
    expected, pull = jax.vjp(lambda x: nn.max_pool(x, window, strides, padding), x)
    found, own_pull = jax.vjp(lambda x: max_pool(x, window, strides, padding), x)
    np.testing.assert_array_equal(found, expected)
    dy = jax.random.normal(jax.random.key(1), expected.shape)
    np.testing.assert_allclose(own_pull(dy)[0], pull(dy)[0], atol=2e-6)


def test_it_is_the_pool_of_pytorch():
    torch = pytest.importorskip("torch")
    x = clips((2, 6, 8, 8, 3), ties=True)
    theirs = torch.tensor(np.moveaxis(np.asarray(x), -1, 1), requires_grad=True)
    expected = torch.nn.functional.max_pool3d(theirs, 3, 2, 1)
    expected.square().sum().backward()
    options = ((3, 3, 3), (2, 2, 2), ((1, 1), (1, 1), (1, 1)))
    found = max_pool(x, *options)
    gradient = jax.grad(lambda x: jnp.sum(max_pool(x, *options) ** 2))(x)
    np.testing.assert_array_equal(jnp.moveaxis(found, -1, 1), expected.detach().numpy())
    np.testing.assert_allclose(jnp.moveaxis(gradient, -1, 1), theirs.grad.numpy(), atol=1e-5)


@pytest.mark.parametrize("place", [(0, 0, 0), (1, 0, 1), (1, 1, 1)])
def test_a_number_that_is_none_is_not_passed_over(place):
    x = jnp.zeros((1, 4, 4, 4, 1)).at[(0, *place, 0)].set(jnp.nan)
    found = max_pool(x, (2, 2, 2), (2, 2, 2))
    assert jnp.isnan(found[0, 0, 0, 0, 0]) and jnp.isnan(found).sum() == 1


def test_half_precision_stays():
    x = clips((1, 4, 4, 4, 1), ties=False).astype(jnp.bfloat16)
    assert max_pool(x, (3, 3, 3), (2, 2, 2), ((1, 1),) * 3).dtype == jnp.bfloat16
