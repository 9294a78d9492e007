"""Draws the transforms of each clip from probabilities and ranges, and applies them in order."""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp

from vidkd_jax.augment import operators
from vidkd_jax.errors import InputError
from vidkd_jax.options import check_options, option

_OPERATORS = ("flip", "contrast", "brightness", "hue", "blur", "channel_split", "noise")
# The order of Algorithm 1, and that of the released code (which draws contrast and brightness
# together).
_PAPER_ORDER = (
    "flip",
    "inversion",
    "jitter",
    "grey",
    "contrast",
    "brightness",
    "hue",
    "blur",
    "channel_split",
    "noise",
)
_RELEASED_ORDER = (
    "flip",
    "inversion",
    "jitter",
    "grey",
    "channel_split",
    "contrast",
    "brightness",
    "blur",
    "noise",
    "hue",
)
_probability = functools.partial(option, at_least=0, at_most=1)
_RANGES = ("contrast_range", "brightness_range", "hue_range", "blur_sigma_range")


@dataclasses.dataclass(frozen=True)
class Augment:
    """The probability of each operator (TY, Algorithm 1), and the ranges of their parameters.

    The probabilities, the order and the noise are those of the paper. The ranges are those of its
    released code.

    Attributes:
        flip: probability of mirroring left and right.
        contrast: probability of scaling around mid-grey.
        brightness: probability of shifting all values.
        hue: probability of rotating the hue.
        blur: probability of a Gaussian blur.
        channel_split: probability of replacing one colour channel by another. (The released code
            draws the two with replacement, which leaves a third of these clips unchanged.)
        noise: probability of Gaussian noise.
        contrast_range: least and greatest factor.
        brightness_range: least and greatest offset, on the scale of [-1, 1].
        hue_range: least and greatest rotation, in turns.
        blur_sigma_range: least and greatest standard deviation, in pixels.
        blur_size: number of taps of the blur in each direction; odd.
        noise_std: standard deviation of the noise, on the scale of [-1, 1].
        noise_per_frame: whether the noise is drawn for each frame, as in the released code. If
            False, one noise matrix is added to all frames of a clip, as in the paper.
        per_frame: whether each frame has a draw of its own, the mirror's included. The paper says
            that this harms (section III.C): it breaks what the frames of a clip have in common.
        inversion: probability of inverting colours: 0.2 in the released code, 0 in the paper.
        jitter: probability of changing brightness, contrast, saturation and hue together, as
            torchvision's `ColorJitter` does; 0.8 in PCL. TY has none.
        jitter_strength: how far each of the four may go: factors from 1 - s to 1 + s, the hue from
            -s to s turns.
        grey: probability of a grey clip; 0.2 in PCL. TY has none.
        released_order: whether to use the order of the released code, in which contrast and
            brightness are applied together or not at all. The bug of that code, which draws only
            once for a whole run, is not reproduced.

    Raises:
        InputError: a probability, a range, `blur_size` or `jitter_strength` makes no sense; or
            `released_order` is given other probabilities of contrast and of brightness.
    """

    flip: float = _probability(0.5)
    contrast: float = _probability(0.5)
    brightness: float = _probability(0.5)
    hue: float = _probability(0.5)
    blur: float = _probability(0.5)
    channel_split: float = _probability(0.5)
    noise: float = _probability(0.5)
    contrast_range: tuple[float, float] = (0.5, 1.5)
    brightness_range: tuple[float, float] = (-0.5, 0.5)
    hue_range: tuple[float, float] = (0.0, 0.1)
    blur_sigma_range: tuple[float, float] = (0.1, 2.0)
    blur_size: int = 7
    noise_std: float = option(0.1, at_least=0)
    noise_per_frame: bool = False
    per_frame: bool = False
    inversion: float = _probability(0.0)
    jitter: float = _probability(0.0)
    jitter_strength: tuple[float, float, float, float] = (0.4, 0.4, 0.4, 0.1)
    grey: float = _probability(0.0)
    released_order: bool = False

    def __post_init__(self) -> None:
        check_options(self, "augment")
        for name in _RANGES:
            bounds = getattr(self, name)
            numbers = len(bounds) == 2 and all(
                isinstance(bound, int | float) and math.isfinite(bound) for bound in bounds
            )
            self._require(name, numbers and bounds[0] <= bounds[1], "use (least, greatest)")
        alike = self.contrast == self.brightness or not self.released_order
        self._require(
            "brightness",
            alike,
            f"released_order draws it with contrast ({self.contrast}); make them equal",
        )
        self._require("blur_sigma_range", self.blur_sigma_range[0] >= 0, "use 0 or more")
        odd = self.blur_size > 0 and self.blur_size % 2 == 1
        self._require("blur_size", odd, "use an odd number")
        strengths = self.jitter_strength
        numbers = len(strengths) == 4 and all(isinstance(s, int | float) for s in strengths)
        valid = numbers and all(0 <= s <= 1 for s in strengths) and strengths[3] <= 0.5
        self._require("jitter_strength", valid, "use 4 of 0 to 1, the last one at most 0.5")

    def _require(self, name: str, valid: bool, remedy: str) -> None:
        if not valid:
            raise InputError(f"config.augment.{name}: {getattr(self, name)!r}; {remedy}")

    @classmethod
    def none(cls) -> "Augment":
        """Returns the policy without augmentation: all probabilities are 0."""
        nothing: dict[str, Any] = dict.fromkeys(_PAPER_ORDER, 0.0)
        return cls(**nothing)


class Draw(NamedTuple):
    """The parameters of one clip's transforms. An operator that was not drawn has its identity."""

    mirrored: jax.Array  # bool
    inverted: jax.Array  # bool
    contrast: jax.Array  # factor; 1 if not drawn
    brightness: jax.Array  # offset; 0 if not drawn
    hue: jax.Array  # turns; 0 if not drawn
    blur_sigma: jax.Array  # pixels; 0 if not drawn
    channel_target: jax.Array  # 0, 1 or 2
    channel_source: jax.Array  # the target itself if not drawn
    noise_std: jax.Array  # 0 if not drawn
    jitter: jax.Array  # [4]: three factors, and turns; 1, 1, 1, 0 if not drawn
    grey: jax.Array  # bool


def draw(config: Augment, key: jax.Array) -> Draw:
    """Draws the transforms of one clip, each operator independently of the others."""
    key_gate, key_value, key_channel = jax.random.split(key, 3)
    probabilities = jnp.array([getattr(config, name) for name in _OPERATORS])
    gates = jax.random.uniform(key_gate, probabilities.shape) < probabilities
    drawn = dict(zip(_OPERATORS, gates, strict=True))
    if config.released_order:
        drawn["brightness"] = drawn["contrast"]
    inverted = jax.random.uniform(jax.random.fold_in(key_gate, 1)) < config.inversion
    least, greatest = jnp.array([getattr(config, name) for name in _RANGES]).T
    jittered, grey = jax.random.uniform(jax.random.fold_in(key_gate, 2), (2,)) < jnp.array(
        [config.jitter, config.grey]
    )
    strength, same = jnp.array(config.jitter_strength), jnp.array([1.0, 1.0, 1.0, 0.0])
    shares = jax.random.uniform(jax.random.fold_in(key_value, 1), (4,), minval=-1.0)
    contrast, brightness, hue, sigma = jax.random.uniform(
        key_value, least.shape, minval=least, maxval=greatest
    )
    target, step = jax.random.randint(key_channel, (2,), jnp.array([0, 1]), 3)
    return Draw(
        mirrored=drawn["flip"],
        inverted=inverted,
        contrast=jnp.where(drawn["contrast"], contrast, 1.0),
        brightness=jnp.where(drawn["brightness"], brightness, 0.0),
        hue=jnp.where(drawn["hue"], hue, 0.0),
        blur_sigma=jnp.where(drawn["blur"], sigma, 0.0),
        channel_target=target,
        channel_source=jnp.where(drawn["channel_split"], (target + step) % 3, target),
        noise_std=jnp.where(drawn["noise"], config.noise_std, 0.0),
        jitter=jnp.where(jittered, same + shares * strength, same),
        grey=grey,
    )


def normalise(clip: jax.Array) -> jax.Array:
    """Maps uint8 0..255 to float32 [-1, 1]; keeps the shape."""
    chex.assert_type(clip, jnp.uint8)
    return clip.astype(jnp.float32) / 127.5 - 1.0


def plain(batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """Returns the clips of a batch, "clip" and perhaps "flow", in [-1, 1] without augmentation."""
    return {name: normalise(batch[name]) for name in ("clip", "flow") if name in batch}


def apply(config: Augment, key: jax.Array, clip: jax.Array) -> jax.Array:
    """Transforms each clip of a batch by its own draw, the same for all its frames (TY, III.C).

    With `per_frame`, each frame is transformed as a clip of its own.

    Optical flow is only mirrored, and its horizontal component negated. Motion has no colour, and
    noise or blur would add motion. With the same key, flow is mirrored exactly if the RGB clip in
    the same row of the batch is mirrored.

    Args:
        config: probabilities and ranges; static under `jit`. An operator with probability 0 costs
            nothing.
        key: key of this batch; it is split into one key per clip.
        clip: `[b, t, h, w, 3]` in [-1, 1], any float dtype; or flow `[b, t, h, w, 2]`. Of clips
            `[b, n, t, h, w, c]`, each is transformed by a draw of its own.

    Returns:
        The transformed clips in [-1, 1], with the same shape and dtype.
    """
    chex.assert_rank(clip, {5, 6})
    chex.assert_shape(clip, (..., {2, 3}))
    chex.assert_type(clip, float)
    if all(getattr(config, name) == 0 for name in _PAPER_ORDER):
        return clip
    frames = 1 if config.per_frame else clip.shape[-4]
    each = clip.reshape(-1, frames, *clip.shape[-3:])
    keys = jax.random.split(key, len(each))
    apply_one = _apply_one if clip.shape[-1] == 3 else _mirror_flow
    transformed = jax.vmap(lambda key, clip: apply_one(config, key, clip))(keys, each)
    return transformed.reshape(clip.shape)


def _mirror_flow(config: Augment, key: jax.Array, flow: jax.Array) -> jax.Array:
    """Mirrors the flow `[t, h, w, 2]` of a clip if `_apply_one` mirrors the clip."""
    key_draw, _ = jax.random.split(key)
    return operators.flip_flow(flow, draw(config, key_draw).mirrored)


def _apply_one(config: Augment, key: jax.Array, clip: jax.Array) -> jax.Array:
    """Transforms one clip `[t, h, w, 3]`, in the order of Algorithm 1 or of the released code."""
    key_draw, key_noise = jax.random.split(key)
    drawn = draw(config, key_draw)

    def noisy(clip: jax.Array) -> jax.Array:
        shape = clip.shape if config.noise_per_frame else clip.shape[1:]
        noise = drawn.noise_std * jax.random.normal(key_noise, shape)
        return jnp.clip(operators.add_noise(clip, noise), -1.0, 1.0)

    steps: dict[str, Callable[[jax.Array], jax.Array]] = {
        "flip": lambda x: operators.flip(x, drawn.mirrored),
        "inversion": lambda x: jnp.where(drawn.inverted, -x, x),
        "jitter": lambda x: operators.jitter(x, *drawn.jitter),
        "grey": lambda x: operators.to_grey(x, drawn.grey),
        "contrast": lambda x: operators.adjust_contrast(x, drawn.contrast),
        "brightness": lambda x: operators.adjust_brightness(x, drawn.brightness),
        "hue": lambda x: operators.adjust_hue(x, drawn.hue),
        "blur": lambda x: operators.gaussian_blur(x, drawn.blur_sigma, size=config.blur_size),
        "channel_split": lambda x: operators.split_channels(
            x, drawn.channel_target, drawn.channel_source
        ),
        "noise": noisy,
    }
    for name in _RELEASED_ORDER if config.released_order else _PAPER_ORDER:
        if getattr(config, name):
            clip = steps[name](clip)
        if name == "brightness" and (config.contrast or config.brightness):
            clip = jnp.clip(clip, -1.0, 1.0)  # once for both operators, as in the released code
    return clip
