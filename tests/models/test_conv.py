"""On CPU, each form of conv3d gives the same numbers as XLA's own convolution."""

import functools
import os
import re
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from jax.test_util import check_grads

from vidkd_jax.models.conv import conv3d

SAME3 = ((1, 1), (1, 1), (1, 1))
# x shape, kernel's (kt, kh, kw, c_out), strides, padding
CASES = {
    "few channels": ((2, 8, 6, 6, 8), (3, 3, 3, 8), (1, 1, 1), SAME3),
    "few channels, tiles that do not divide": ((2, 7, 5, 6, 12), (3, 3, 3, 12), (1, 1, 1), SAME3),
    "few channels, strided": ((2, 8, 8, 8, 8), (3, 3, 3, 16), (2, 2, 2), SAME3),
    "few channels, strided, odd": ((2, 5, 7, 9, 8), (3, 3, 3, 16), (2, 2, 2), SAME3),
    "stem": ((2, 8, 12, 12, 3), (7, 7, 7, 8), (1, 2, 2), ((3, 3),) * 3),
    "stem, odd": ((1, 5, 11, 13, 3), (7, 7, 7, 8), (1, 2, 2), ((3, 3),) * 3),
    "stem, 3x7x7": ((2, 4, 12, 12, 3), (3, 7, 7, 16), (1, 2, 2), ((1, 1), (3, 3), (3, 3))),
    "stem, 3x7x7, wide": ((1, 4, 14, 14, 3), (3, 7, 7, 64), (1, 2, 2), ((1, 1), (3, 3), (3, 3))),
    "stem, 16 channels": ((2, 8, 12, 12, 3), (7, 7, 7, 16), (1, 2, 2), ((3, 3),) * 3),
    "stem, 16 channels, odd": ((1, 7, 11, 9, 3), (7, 7, 7, 16), (1, 2, 2), ((3, 3),) * 3),
    "stem, one frame": ((1, 1, 11, 9, 3), (7, 7, 7, 16), (1, 2, 2), ((3, 3),) * 3),
    "projection": ((2, 4, 6, 6, 8), (1, 1, 1, 16), (2, 2, 2), ((0, 0),) * 3),
    "projection, wide, odd": ((1, 5, 7, 7, 64), (1, 1, 1, 128), (2, 2, 2), ((0, 0),) * 3),
    "bottleneck": ((2, 3, 5, 5, 24), (1, 1, 1, 96), (1, 1, 1), ((0, 0),) * 3),
    "1x1x1, padded": ((2, 3, 5, 5, 8), (1, 1, 1, 16), (2, 2, 2), ((1, 1),) * 3),
    "one frame": ((2, 1, 3, 3, 64), (3, 3, 3, 64), (1, 1, 1), SAME3),
    "two frames": ((1, 2, 6, 6, 64), (3, 3, 3, 64), (1, 1, 1), SAME3),
    "space only": ((2, 4, 6, 6, 16), (1, 3, 3, 24), (1, 1, 1), ((0, 0), (1, 1), (1, 1))),
    "space only, few": ((2, 5, 11, 12, 3), (1, 7, 7, 11), (1, 2, 2), ((0, 0), (3, 3), (3, 3))),
    "space only, strided": ((2, 5, 6, 6, 4), (1, 3, 3, 9), (2, 1, 1), ((0, 0), (1, 1), (1, 1))),
    "time only": ((2, 6, 4, 4, 48), (3, 1, 1, 16), (1, 1, 1), ((1, 1), (0, 0), (0, 0))),
    "sixteen channels": ((1, 8, 6, 7, 16), (3, 3, 3, 16), (1, 1, 1), SAME3),
    "five channels": ((1, 4, 6, 6, 5), (3, 3, 3, 24), (1, 1, 1), SAME3),
    "one frame, wide": ((1, 1, 4, 4, 160), (3, 3, 3, 24), (1, 1, 1), SAME3),
    "three frames": ((2, 3, 6, 6, 24), (3, 3, 3, 40), (1, 1, 1), SAME3),
    "six frames, space not padded": (
        (1, 6, 6, 6, 8),
        (3, 3, 3, 8),
        (1, 1, 1),
        ((1, 1), (0, 0), (0, 0)),
    ),
    "many channels": ((1, 8, 8, 8, 64), (3, 3, 3, 64), (1, 1, 1), SAME3),
    "many channels, odd": ((1, 5, 9, 7, 48), (3, 3, 3, 40), (1, 1, 1), SAME3),
    "many channels, strided": ((1, 8, 8, 8, 64), (3, 3, 3, 128), (2, 2, 2), SAME3),
    "many channels, strided, odd": ((1, 7, 9, 5, 64), (3, 3, 3, 72), (2, 2, 2), SAME3),
    "time is not padded": ((1, 6, 8, 8, 64), (3, 3, 3, 64), (1, 1, 1), ((0, 0), (1, 1), (1, 1))),
    "asymmetric padding": ((1, 6, 7, 8, 8), (3, 3, 3, 8), (1, 2, 1), ((2, 0), (0, 1), (1, 2))),
    "asymmetric padding, wide": (
        (1, 6, 7, 8, 64),
        (3, 3, 3, 64),
        (1, 1, 1),
        ((2, 0), (0, 1), (1, 2)),
    ),
    "more padding than kernel": (
        (1, 2, 4, 4, 8),
        (3, 3, 3, 8),
        (1, 1, 1),
        ((5, 4), (1, 1), (1, 1)),
    ),
    "even kernel": ((1, 4, 6, 6, 8), (2, 4, 4, 8), (1, 1, 1), ((1, 0), (2, 1), (1, 2))),
}


def reference(x, kernel, *, strides, padding, groups=1):
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        strides,
        padding,
        dimension_numbers=("NDHWC", "DHWIO", "NDHWC"),
        feature_group_count=groups,
        precision="highest",
    )


def random_arrays(x_shape, kernel_size, dtype=jnp.float32, groups=1):
    rng = np.random.default_rng(0)
    *taps, c_out = kernel_size
    x = rng.normal(size=x_shape)
    kernel = rng.normal(size=(*taps, x_shape[-1] // groups, c_out))
    return jnp.asarray(x, dtype), jnp.asarray(kernel, dtype)


def assert_close(actual, expected, tolerance=1e-5):
    expected = np.asarray(expected, np.float64)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(
        np.asarray(actual, np.float64) / scale, expected / scale, atol=tolerance
    )


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradients_are_those_of_the_native_convolution(name):
    x_shape, kernel_size, strides, padding = CASES[name]
    x, kernel = random_arrays(x_shape, kernel_size)
    expected, pullback = jax.vjp(
        functools.partial(reference, strides=strides, padding=padding), x, kernel
    )
    weight = jnp.asarray(np.random.default_rng(1).normal(size=expected.shape), jnp.float32)

    @jax.jit
    def value_and_gradients(x, kernel, weight):
        y, pullback = jax.vjp(
            functools.partial(conv3d, strides=strides, padding=padding), x, kernel
        )
        return y, *pullback(weight)

    for actual, wanted in zip(
        value_and_gradients(x, kernel, weight), (expected, *pullback(weight)), strict=True
    ):
        assert actual.dtype == wanted.dtype
        assert_close(actual, wanted)


@pytest.mark.parametrize("name", ["few channels", "stem", "projection", "many channels"])
def test_gradients_are_those_of_finite_differences(name):
    x_shape, kernel_size, strides, padding = CASES[name]
    x, kernel = random_arrays((1, 3, 5, 5, x_shape[-1]), kernel_size)
    check_grads(
        functools.partial(conv3d, strides=strides, padding=padding),
        (x, kernel),
        order=1,
        modes=["rev"],
        eps=1.0,  # central differences of a bilinear function are exact with any step
        rtol=1e-3,
        atol=1e-3,
    )


# x shape, kernel's (kt, kh, kw, c_out), strides, groups
GROUPS = {
    "four groups": ((1, 4, 5, 5, 8), (3, 3, 3, 16), (1, 1, 1), 4),
    "groups taken together, one left over": ((1, 4, 6, 7, 36), (3, 3, 3, 72), (2, 2, 2), 9),
    "wide groups": ((1, 3, 5, 5, 80), (3, 3, 3, 80), (1, 1, 1), 2),
    "depthwise": ((2, 3, 5, 6, 6), (3, 3, 3, 6), (1, 1, 1), 6),
    "depthwise, strided": ((2, 4, 7, 6, 5), (3, 3, 3, 5), (2, 2, 2), 5),
    "depthwise, one frame": ((1, 1, 4, 4, 3), (3, 3, 3, 3), (2, 2, 2), 3),
    "depthwise over time": ((2, 6, 4, 5, 8), (5, 1, 1, 8), (1, 1, 1), 8),
    "depthwise, a stride that leaves a row": ((1, 4, 8, 10, 4), (3, 3, 3, 4), (1, 2, 3), 4),
    "depthwise, an even kernel": ((1, 4, 6, 6, 4), (2, 4, 2, 4), (1, 2, 1), 4),
    "depthwise, frames one by one": ((1, 67, 6, 4, 4), (3, 3, 3, 4), (1, 1, 1), 4),
    "depthwise, frames that fill the cache": ((2, 4, 32, 24, 96), (3, 3, 3, 96), (1, 1, 1), 96),
    "two channels out of each": ((1, 3, 4, 4, 3), (3, 3, 3, 6), (1, 1, 1), 3),
}


@pytest.mark.parametrize("name", GROUPS)
def test_groups_are_the_native_convolution(name):
    x_shape, kernel_size, strides, groups = GROUPS[name]
    x, kernel = random_arrays(x_shape, kernel_size, groups=groups)
    options = {"strides": strides, "padding": SAME3, "groups": groups}
    expected, pullback = jax.vjp(functools.partial(reference, **options), x, kernel)
    actual, actual_pullback = jax.vjp(functools.partial(conv3d, **options), x, kernel)
    assert_close(actual, expected)
    for gradient, wanted in zip(actual_pullback(expected), pullback(expected), strict=True):
        assert_close(gradient, wanted)


@pytest.mark.parametrize("name", ["few channels", "many channels", "many channels, strided"])
def test_bfloat16_is_summed_in_float32(name):
    x_shape, kernel_size, strides, padding = CASES[name]
    x, kernel = random_arrays(x_shape, kernel_size, jnp.bfloat16)
    convolve = functools.partial(conv3d, strides=strides, padding=padding)
    y, pullback = jax.vjp(convolve, x, kernel)
    expected, expected_pullback = jax.vjp(
        functools.partial(reference, strides=strides, padding=padding),
        x.astype(jnp.float32),
        kernel.astype(jnp.float32),
    )
    assert y.dtype == jnp.bfloat16
    assert_close(y, expected, tolerance=2**-8)
    weight = jnp.ones_like(y)
    gradients = zip(pullback(weight), expected_pullback(weight.astype(jnp.float32)), strict=True)
    for actual, wanted in gradients:
        assert actual.dtype == jnp.bfloat16
        assert_close(actual, wanted, tolerance=2**-8)


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize(
    "name", ["few channels", "stem", "many channels", "many channels, strided"]
)
def test_accelerators_compile_the_native_convolution_and_nothing_else(name, dtype, platform):
    x_shape, kernel_size, strides, padding = CASES[name]
    x, kernel = random_arrays(x_shape, kernel_size, dtype)
    options = {"strides": strides, "padding": padding}

    def operations(convolve):
        def loss(x, kernel):
            return convolve(x, kernel, **options).sum()

        traced = jax.jit(jax.value_and_grad(loss, argnums=(0, 1))).trace(x, kernel)
        text = traced.lower(lowering_platforms=(platform,)).as_text()
        lines = (re.sub(r"%\w+(#\d)?", "%", line) for line in text.splitlines())
        # The choice of platform leaves constants, and cases with one branch, which XLA inlines.
        left_over = ("constant", "case", "return")
        return sorted(
            line.partition("stablehlo.")[2]
            for line in lines
            if "stablehlo." in line and not any(f"stablehlo.{op}" in line for op in left_over)
        )

    def native(x, kernel, *, strides, padding):
        return jax.lax.conv_general_dilated(
            x, kernel, strides, padding, dimension_numbers=("NDHWC", "DHWIO", "NDHWC")
        )

    assert operations(conv3d) == operations(native)


def test_not_a_number_in_the_kernel_is_seen():
    x, kernel = random_arrays((1, 4, 4, 4, 8), (3, 3, 3, 8))
    y = conv3d(x, kernel.at[0, 0, 0, 0, 0].set(jnp.nan), padding=SAME3)
    assert jnp.isnan(y).any()


@pytest.mark.parametrize("name", ["few channels", "many channels", "many channels, strided"])
def test_checkpoint_and_stopped_gradients(name):
    x_shape, kernel_size, strides, padding = CASES[name]
    x, kernel = random_arrays(x_shape, kernel_size)
    convolve = functools.partial(conv3d, strides=strides, padding=padding)

    def loss(convolve, x, kernel):
        teacher = jax.lax.stop_gradient(convolve(x, 2 * kernel))
        return ((jax.nn.relu(convolve(x, kernel)) - teacher) ** 2).sum()

    plain = jax.jit(jax.grad(functools.partial(loss, convolve), argnums=(0, 1)))
    saved = jax.jit(jax.grad(functools.partial(loss, jax.checkpoint(convolve)), argnums=(0, 1)))
    for actual, wanted in zip(saved(x, kernel), plain(x, kernel), strict=True):
        assert_close(actual, wanted)


@pytest.mark.skipif(
    jax.device_count() < 2, reason="needs 2 devices: run by the next test in its own process"
)
@pytest.mark.parametrize("name", ["few channels", "stem", "many channels"])
def test_a_batch_split_over_devices_gives_the_same_gradients(name):
    x_shape, kernel_size, strides, padding = CASES[name]
    x, kernel = random_arrays((2, *x_shape[1:]), kernel_size)
    mesh = jax.make_mesh((2,), ("data",), axis_types=(AxisType.Auto,), devices=jax.devices()[:2])

    @jax.jit
    def gradients(x, kernel):
        def loss(x, kernel):
            return (conv3d(x, kernel, strides=strides, padding=padding) ** 2).sum()

        return jax.grad(loss, argnums=(0, 1))(x, kernel)

    split = jax.device_put(x, NamedSharding(mesh, PartitionSpec("data")))
    whole = jax.device_put(kernel, NamedSharding(mesh, PartitionSpec()))
    for actual, wanted in zip(gradients(split, whole), gradients(x, kernel), strict=True):
        assert_close(actual, wanted)


@pytest.mark.skipif(jax.device_count() > 1, reason="the test above has run on these devices")
def test_a_batch_split_over_two_host_devices():
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
    command = [sys.executable, "-m", "pytest", "-q", "-k", "split_over_devices", __file__]
    run = subprocess.run(
        command, env={**os.environ, "XLA_FLAGS": flags}, capture_output=True, text=True, check=False
    )
    assert " 3 passed" in run.stdout.replace("\n", " "), run.stdout + run.stderr
