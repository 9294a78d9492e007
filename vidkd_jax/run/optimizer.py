"""Optimisers: SGD and AdamW, with learning rates that a schedule sets between epochs."""

import re
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
import optax

from vidkd_jax.settings.settings import OptimSettings

# Parts of the names of shortcuts' layers: Hara's and torchvision's, TY's and VCOP's, X3D's.
_SHORTCUTS = ("downsample", "shortcut", "branch1")


def create_optimizer(optim: OptimSettings) -> optax.GradientTransformation:
    """Returns SGD with PyTorch's coupled weight decay, or AdamW (Loshchilov & Hutter 2019).

    AdamW's first moment decays by `momentum`; its second by 0.999, and its epsilon is 1e-8.

    The learning rate and the multipliers are hyper-parameters of the optimiser's state
    (`set_rates`), so that a schedule may set them between epochs without compiling again. The
    multiplier of a parameter is that of the first pattern which has a match in its path, whose
    names "/" joins.
    """
    mask = _is_kernel if optim.decay_on == "kernels" else None
    decay, momentum = optim.weight_decay, optim.momentum

    def base(learning_rate: float) -> optax.GradientTransformation:
        if optim.name == "adamw":
            return optax.adamw(learning_rate, b1=momentum, weight_decay=decay, mask=mask)
        return optax.chain(
            optax.add_decayed_weights(decay, mask),
            optax.sgd(learning_rate, momentum=momentum or None, nesterov=optim.nesterov),
        )

    def with_factors(learning_rate: float, factors: jax.Array) -> optax.GradientTransformation:
        patterns = [pattern for pattern, _ in optim.multipliers]
        return optax.chain(base(learning_rate), _scale_by_name(patterns, factors))

    rate = optim.learning_rate
    if not optim.multipliers:
        return optax.inject_hyperparams(base)(learning_rate=rate)
    factors = np.asarray([factor for _, factor in optim.multipliers], np.float32)
    return optax.inject_hyperparams(with_factors)(learning_rate=rate, factors=factors)


def set_rates(opt_state: Any, learning_rate: float, factors: Sequence[float]) -> Any:
    """Returns the optimiser's state with other rates.

    Args:
      opt_state: of an optimiser of `create_optimizer`.
      learning_rate: the new one.
      factors: the new multipliers, in the order of their patterns.
    """
    values: dict[str, Any] = {"learning_rate": learning_rate}
    if factors:
        values["factors"] = factors
    hyperparams = dict(opt_state.hyperparams)
    for name, value in values.items():
        old = hyperparams[name]
        hyperparams[name] = jax.device_put(np.asarray(value, old.dtype), old.sharding)
    return opt_state._replace(hyperparams=hyperparams)


def _scale_by_name(patterns: Sequence[str], factors: jax.Array) -> Any:
    """Returns a transformation that scales updates by the first pattern that their path matches."""

    def scale(path: Any, update: jax.Array) -> jax.Array:
        name = "/".join(path_names(path))
        for index, pattern in enumerate(patterns):
            if re.search(pattern, name):
                return update * factors[index]
        return update

    return optax.stateless(lambda updates, params: jax.tree_util.tree_map_with_path(scale, updates))


def _is_kernel(params: Any) -> Any:
    """Returns a tree of bools: kernels, but those of shortcuts."""

    def decays(path: Any, leaf: Any) -> bool:
        del leaf
        names = path_names(path)
        in_shortcut = any(word in name for name in names for word in _SHORTCUTS)
        return names[-1] == "kernel" and not in_shortcut

    return jax.tree_util.tree_map_with_path(decays, params)


def path_names(path: Any) -> list[str]:
    """Returns the names on the way to a leaf."""
    return jax.tree_util.keystr(path, simple=True, separator="/").split("/")
