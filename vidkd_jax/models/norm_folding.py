"""Folds frozen BatchNorm into the convolution before it."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from vidkd_jax.models.layers import Conv3D, convolve


class NormFolding:
    """A Flax interceptor that applies BatchNorm with running statistics to kernels.

    With running statistics, BatchNorm scales and shifts each channel. Directly after a convolution,
    it can scale the kernel instead and add a bias. XLA removes the unfolded convolution as dead
    code unless a tap uses it. Norms of another axis, and classes that inherit from either, stay
    as they are.

    Use a new instance for each call of a network:

        with nn.intercept_methods(NormFolding()):
            model.apply(variables, clip, train=False)
    """

    def __init__(self) -> None:
        # Keyed by the id of the output. The output is kept too, so that no other array gets its id.
        self._convolutions: dict[int, tuple[Conv3D, jax.Array, jax.Array]] = {}

    def __call__(
        self, call: Any, args: Any, kwargs: Any, context: nn.module.InterceptorContext
    ) -> Any:
        """Folds a frozen norm directly after a convolution; calls any other method unchanged."""
        module = context.module
        found = self._convolutions.get(id(args[0])) if args else None
        if found and type(module) is nn.BatchNorm and module.use_running_average:
            convolution, clip, _ = found
            # It has no statistics while it is initialised.
            if module.axis == -1 and not module.is_initializing():
                return _both(convolution, module, clip)
        output = call(*args, **kwargs)
        if type(module) is Conv3D and context.method_name == "__call__":
            self._convolutions[id(output)] = (module, args[0], output)
        return output


def _both(convolution: Conv3D, norm: nn.BatchNorm, clip: jax.Array) -> jax.Array:
    """Returns norm(convolution(clip)) as one convolution with a bias."""
    variance: jax.Array = norm.get_variable("batch_stats", "var")
    scale = norm.get_variable("params", "scale", 1.0) * jax.lax.rsqrt(variance + norm.epsilon)
    mean: jax.Array = norm.get_variable("batch_stats", "mean")
    if convolution.use_bias:
        mean = mean - convolution.get_variable("params", "bias")
    bias = norm.get_variable("params", "bias", 0.0) - mean * scale
    kernel = convolution.get_variable("params", "kernel") * scale
    return convolve(convolution, clip, kernel, bias).astype(norm.dtype or jnp.float32)
