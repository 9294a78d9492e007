"""The clip operators of TY (section III.C), each a pure function of one clip and its parameters.

Every operator takes a clip `[t, h, w, c]` in [-1, 1], transforms all frames in the same way, and
keeps shape and dtype. With the parameter that its docstring names, it returns exactly its input.
Contrast, brightness and noise can lead out of [-1, 1]; `policy.apply` clips afterwards. To process
a batch, use `jax.vmap`.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

# For the conversion from HSV to RGB, channel by channel: where the ramp of each channel starts on
# the colour circle, in sixths of a turn, counted backwards from pure red.
_HUE_OFFSETS = (5.0, 3.0, 1.0)


def flip(clip: jax.Array, mirrored: jax.Array | bool) -> jax.Array:
    """Mirrors left and right if `mirrored`; the identity for False."""
    return jnp.where(mirrored, clip[:, :, ::-1], clip)


def flip_flow(flow: jax.Array, mirrored: jax.Array | bool) -> jax.Array:
    """Mirrors flow `[t, h, w, 2]` and negates its horizontal component (as in MARS's code)."""
    return flip(flow, mirrored) * jnp.where(mirrored, jnp.array([-1.0, 1.0]), 1.0).astype(
        flow.dtype
    )


def adjust_contrast(clip: jax.Array, factor: jax.Array | float) -> jax.Array:
    """Scales the distance from mid-grey, which is 0; the identity for 1."""
    return clip * jnp.asarray(factor, clip.dtype)


def adjust_brightness(clip: jax.Array, offset: jax.Array | float) -> jax.Array:
    """Adds `offset`, in units of half the range from black to white; the identity for 0."""
    return clip + jnp.asarray(offset, clip.dtype)


def adjust_hue(clip: jax.Array, turns: jax.Array | float) -> jax.Array:
    """Rotates the hue in HSV, keeping value and saturation; the identity for 0.

    The hue depends only on ratios of differences between channels, so it can be computed on
    [-1, 1] without rescaling to [0, 1].

    Args:
        clip: `[t, h, w, 3]`, RGB.
        turns: rotation, in turns of the colour circle: 1/3 turns red into green.

    Returns:
        The rotated clip, `[t, h, w, 3]`.
    """
    rgb = clip.astype(jnp.float32)
    planes = rgb[..., :1], rgb[..., 1:2], rgb[..., 2:]
    rotated = _rotated(planes, turns, jnp.array(_HUE_OFFSETS)).astype(clip.dtype)
    return jnp.where(turns == 0, clip, rotated)


def _rotated(
    planes: Sequence[jax.Array], turns: jax.Array | float, offset: jax.Array | float
) -> jax.Array:
    """Returns the channel of an offset on the colour circle after a rotation of the hue.

    The largest channel is found by comparing channels, not by where it equals their maximum: XLA
    may compute both anew, with other roundings, and where two channels are nearly equal, either is
    right.
    """
    red, green, blue = planes
    value = jnp.maximum(jnp.maximum(red, green), blue)
    chroma = value - jnp.minimum(jnp.minimum(red, green), blue)
    divisor = jnp.where(chroma > 0, chroma, 1.0)  # grey stays grey, whatever its hue
    sixths = jnp.where(
        (red >= green) & (red >= blue),
        (green - blue) / divisor,
        jnp.where(green >= blue, 2 + (blue - red) / divisor, 4 + (red - green) / divisor),
    )
    position = sixths + 6.0 * turns + offset
    position = position - 6.0 * jnp.floor(position / 6.0)
    share_removed = jnp.clip(2.0 - jnp.abs(position - 2.0), 0.0, 1.0)
    return value - chroma * share_removed


def to_grey(clip: jax.Array, grey: jax.Array | bool) -> jax.Array:
    """Gives all channels of `[t, h, w, 3]` their luminance if `grey`; the identity for False."""
    luminance = _luminance(_planes(clip))[..., None].astype(clip.dtype)
    return jnp.where(grey, jnp.broadcast_to(luminance, clip.shape), clip)


def jitter(
    clip: jax.Array,
    brightness: jax.Array | float,
    contrast: jax.Array | float,
    saturation: jax.Array | float,
    hue: jax.Array | float,
) -> jax.Array:
    """Changes a clip's colours as torchvision's `ColorJitter` does, in this order.

    Torchvision draws an order. The result of each of the first three is brought back to [-1, 1].

    Args:
        clip: `[t, h, w, 3]`, RGB.
        brightness: factor on the distance from black; 1 is the identity.
        contrast: factor on the distance from the mean luminance of each frame; 1 is the identity.
        saturation: factor on the distance from grey; 1 is the identity.
        hue: in turns, as `adjust_hue`; 0 is the identity.

    Returns:
        The changed clip, `[t, h, w, 3]`.
    """
    planes = _planes(clip)

    def blend(towards: Any, factor: jax.Array | float) -> list[jax.Array]:
        changed = [jnp.clip(towards + (x - towards) * factor, -1.0, 1.0) for x in planes]
        kept = [jnp.where(factor == 1, x, new) for x, new in zip(planes, changed, strict=True)]
        # The barrier keeps XLA from computing each step once for every use of it.
        return list(jax.lax.optimization_barrier(kept))

    planes = blend(-1.0, brightness)
    planes = blend(jnp.mean(_luminance(planes), axis=(1, 2), keepdims=True), contrast)
    planes = blend(_luminance(planes), saturation)
    rotated = [
        jnp.where(hue == 0, plane, _rotated(planes, hue, offset))
        for plane, offset in zip(planes, _HUE_OFFSETS, strict=True)
    ]
    # Without this barrier it would compute all of that again for what reads the clip, too.
    return jax.lax.optimization_barrier(jnp.stack(rotated, axis=-1)).astype(clip.dtype)


def _planes(clip: jax.Array) -> list[jax.Array]:
    """Returns red, green and blue of `[t, h, w, 3]`, each float32 `[t, h, w]`.

    With the short axis of the channels last, XLA's CPU backend takes several times as long.
    """
    return [clip[..., channel].astype(jnp.float32) for channel in range(3)]


def _luminance(planes: Sequence[jax.Array]) -> jax.Array:
    """Returns the weighted sum of red, green and blue of ITU-R BT.601."""
    red, green, blue = planes
    return 0.299 * red + 0.587 * green + 0.114 * blue


def gaussian_blur(clip: jax.Array, sigma: jax.Array | float, *, size: int = 7) -> jax.Array:
    """Blurs each frame with a separable Gaussian; the identity for `sigma` 0.

    The border pixels are repeated outwards. The reference code pads with zeros (mid-grey) instead,
    which gives blurred clips a grey border that other clips lack.

    Args:
        clip: `[t, h, w, c]`.
        sigma: standard deviation in pixels.
        size: number of taps, odd; 7 in the reference code.

    Returns:
        The blurred clip, `[t, h, w, c]`.
    """
    offsets = jnp.arange(size) - size // 2
    weights = jnp.exp(-0.5 * jnp.square(offsets / jnp.where(sigma > 0, sigma, 1.0)))
    weights = jnp.where(sigma > 0, weights / weights.sum(), offsets == 0)
    blurred = clip.astype(jnp.float32)
    for axis in (1, 2):
        length = clip.shape[axis]
        widths = [(0, 0)] * clip.ndim
        widths[axis] = (size // 2, size // 2)
        # This sums shifted copies, because a depthwise convolution is slow in XLA on CPU. The
        # barrier keeps XLA from fusing the padding into each term, which takes 6 times as long.
        padded = jax.lax.optimization_barrier(jnp.pad(blurred, widths, mode="edge"))
        shifted = (jax.lax.slice_in_dim(padded, i, i + length, axis=axis) for i in range(size))
        blurred = sum(weight * part for weight, part in zip(weights, shifted, strict=True))
    return blurred.astype(clip.dtype)


def split_channels(clip: jax.Array, target: jax.Array | int, source: jax.Array | int) -> jax.Array:
    """Replaces channel `target` by `source`, each 0, 1 or 2; the identity if they are equal."""
    replacement = jax.lax.select_n(jnp.asarray(source), clip[..., 0], clip[..., 1], clip[..., 2])
    is_target = jnp.arange(clip.shape[-1]) == target
    return jnp.where(is_target, replacement[..., None], clip)


def add_noise(clip: jax.Array, noise: jax.Array) -> jax.Array:
    """Adds `noise`, `[t, h, w, c]` or one `[h, w, c]` for all frames; the identity for 0."""
    return clip + noise.astype(clip.dtype)
