"""The cost of a network: parameters, and multiply-accumulate operations (MACs)."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from math import prod
from typing import Any

import jax
import jax.numpy as jnp

from vidkd_jax.models.recogniser import Recogniser


def count(model: Recogniser, clip_shape: tuple[int, int, int, int]) -> tuple[int, int]:
    """Returns the numbers of parameters and of MACs for one clip [t, h, w, c].

    Counts the MACs of convolutions and matrix products in the form that accelerators compute. A
    window that extends over an edge counts as a whole window, as in the papers' tables. The network
    is only traced, not run.
    """
    clip = jax.ShapeDtypeStruct((1, *clip_shape), jnp.float32)
    init = partial(model.init, jax.random.key(0), train=False)  # calls the network once
    jaxpr, shapes = jax.make_jaxpr(init, return_shape=True)(clip)
    parameters = sum(leaf.size for leaf in jax.tree.leaves(shapes["params"]))
    return parameters, _macs(jaxpr.jaxpr)


def matmul_flops_per_second(dtype: str) -> float:
    """Returns how fast this machine multiplies large square matrices of a dtype.

    A multiplication and an addition count as two operations. The result is the reference for the
    speed of networks on this machine.
    """
    on_cpu = jax.default_backend() == "cpu"
    size, chain = (1024, 1) if on_cpu else (8192, 20)  # so long that the start-up time is small
    # Random numbers, because a GPU needs less power for ones and so is faster. The scale keeps the
    # products small.
    matrix = jax.random.normal(jax.random.key(0), (size, size), dtype) / size**0.5

    @jax.jit
    def multiply(matrix: jax.Array) -> jax.Array:
        return jax.lax.fori_loop(0, chain, lambda _, product: product @ matrix, matrix)

    return chain * 2 * size**3 / _seconds(multiply, matrix)


def forward_flops_per_second(model: Recogniser, clip_shape: tuple[int, int, int, int]) -> float:
    """Returns how fast this machine computes a network's answers to a few clips [t, h, w, c].

    The time is that of evaluation, without compilation. A training step's is much alike, of three
    times as many operations. Narrow networks are far slower than matrix products.
    """
    clips = jnp.zeros((4 if jax.default_backend() == "cpu" else 32, *clip_shape))
    answer = partial(model.apply, train=False)
    shapes = jax.eval_shape(partial(model.init, jax.random.key(0), train=False), clips)
    variables = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    seconds = _seconds(jax.jit(answer), variables, clips)
    return 2 * count(model, clip_shape)[1] * len(clips) / seconds


def _seconds(function: Callable[..., Any], *arguments: Any) -> float:
    """Returns the shortest of five calls' times, after one that compiles."""
    jax.block_until_ready(function(*arguments))
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        best = min(best, time.perf_counter() - start)
    return best


def _macs(jaxpr: Any) -> int:
    return sum(_macs_of(equation) for equation in jaxpr.eqns)


def _macs_of(equation: Any) -> int:
    name, parameters = equation.primitive.name, equation.params
    if name == "conv_general_dilated":
        kernel = equation.invars[1].aval.shape
        per_output = prod(kernel) // kernel[parameters["dimension_numbers"].rhs_spec[0]]
        return equation.outvars[0].aval.size * per_output
    if name == "dot_general":
        (contracted, _), _ = parameters["dimension_numbers"]
        left = equation.invars[0].aval.shape
        return equation.outvars[0].aval.size * prod(left[axis] for axis in contracted)
    if name == "scan":  # a loop, such as one over frames
        return parameters["length"] * _macs(parameters["jaxpr"].jaxpr)
    if name == "cond":  # a choice of platform: the last branch is for all platforms but the CPU
        return _macs(parameters["branches"][-1].jaxpr)
    return sum(_macs(inner) for inner in _inner(parameters))


def _inner(parameters: dict[str, Any]) -> Iterator[Any]:
    """Yields the jaxprs that an equation calls."""
    for value in parameters.values():
        inner = getattr(value, "jaxpr", value)
        if hasattr(inner, "eqns"):
            yield inner
