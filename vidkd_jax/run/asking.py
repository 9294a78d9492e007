"""What teachers say in a training step."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from vidkd_jax.methods import Average, Memory, Outputs, Source

# Teachers, or what belongs to them, by the name of their source, such as "frozen".
BySource = Mapping[str, tuple[Any, ...]]


def in_memory(sources: Sequence[Source], memory: Memory) -> dict[str, tuple[Any, ...]]:
    """Returns the variables of the teachers that the method's memory holds: averages."""
    return {s.name: (memory[s.name],) for s in sources if isinstance(s, Average)}


def ask_teachers(
    teachers: BySource, networks: BySource, views: Mapping[str, jax.Array]
) -> dict[str, tuple[Outputs, ...]]:
    """Returns each teacher's outputs by source, without gradient.

    Each teacher waits for the one before, so that no two hold their activations at a time.

    Args:
      teachers: their variables. A source whose teacher is not there yet is missing.
      networks: of every source; as many as there are variables.
      views: what all of them see, each its own part.
    """
    before: Outputs = {}
    taught: dict[str, tuple[Outputs, ...]] = {}
    for source, pairs in networks.items():
        if source not in teachers:
            continue
        outputs = []
        for network, variables in zip(pairs, teachers[source], strict=True):
            ask = _after(before["features"], network.infer) if before else network.infer
            before = jax.lax.stop_gradient(ask(variables, views))
            outputs.append(before)
        taught[source] = tuple(outputs)
    return taught


def pick_rows(answers: tuple[Outputs, ...], which: jax.Array) -> Outputs:
    """Returns the outputs of networks of one kind, each row [b] from the network that is named.

    Args:
      answers: of the networks, arrays [b, ...] by name.
      which: number of the network for each row, int [b].
    """
    picked = answers[0]
    for number, answer in enumerate(answers):
        picked = jax.tree.map(
            lambda old, new, number=number: jnp.where(
                (which == number).reshape(-1, *(1,) * (old.ndim - 1)), new, old
            ),
            picked,
            answer,
        )
    return picked


def _after(value: jax.Array, function: Callable[..., Any]) -> Callable[..., Any]:
    """Runs `function` only after `value` has been computed.

    On CPU this is a branch on the first number in `value`: if it is NaN, every output is NaN.
    """

    def on_cpu(*arguments: Any) -> Any:
        # XLA's CPU backend drops the barrier before it decides on the order; a branch stays.
        shapes = jax.eval_shape(function, *arguments)
        nan = jax.tree.map(lambda shape: jnp.full(shape.shape, jnp.nan, shape.dtype), shapes)
        return jax.lax.cond(jnp.isnan(value.ravel()[0]), lambda *_: nan, function, *arguments)

    def elsewhere(*arguments: Any) -> Any:
        arguments, _ = jax.lax.optimization_barrier((arguments, value))
        return function(*arguments)

    return lambda *arguments: jax.lax.platform_dependent(*arguments, cpu=on_cpu, default=elsewhere)
