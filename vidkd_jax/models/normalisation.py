"""How a network wants its pixels: channel order, mean, standard deviation, or their changes."""

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp

_ORDERS = ("rgb", "bgr", "flow")
RESIDUALS = ("none", "first_repeated", "circular")


@dataclasses.dataclass(frozen=True)
class Normalisation:
    """The input normalisation that belongs to a network's weights.

    Every network is called with clips in [-1, 1], RGB (or horizontal and vertical flow), and first
    brings them to its own scale. So a student and its teacher may have different scales. The
    default changes nothing: clips in [-1, 1] are (x - 127.5) / 127.5 of pixels x in 0..255.

    Attributes:
      mean: subtracted from pixels in 0..255: one number for all channels, or one for each channel
        in `order`.
      std: the result is divided by it; likewise one number, or one for each channel.
      order: "rgb"; "bgr" for weights that were trained on OpenCV's order; "flow".
      residual: "none", or the network sees residual frames, the frame before minus the frame:
        "circular": the frame before the first is the last one (PCL's released code);
        "first_repeated": the first residual frame is the second one's.

    Raises:
      ValueError: `order` or `residual` is unknown, or a deviation is not positive.
    """

    mean: tuple[float, ...] = (127.5,)
    std: tuple[float, ...] = (127.5,)
    order: str = "rgb"
    residual: str = "none"

    def __post_init__(self) -> None:
        if self.order not in _ORDERS:
            raise ValueError(f"order: '{self.order}'; one of {', '.join(_ORDERS)}")
        if self.residual not in RESIDUALS:
            raise ValueError(f"residual: '{self.residual}'; one of {', '.join(RESIDUALS)}")
        if not all(std > 0 for std in self.std):
            raise ValueError(f"std: {self.std}; use positive numbers")

    @property
    def in_channels(self) -> int:
        """Number of channels: 2 of flow, else 3."""
        return 2 if self.order == "flow" else 3

    def __call__(self, clip: jax.Array) -> jax.Array:
        """Maps clips [..., t, h, w, c] from [-1, 1], RGB, to the network's own scale and order."""
        if self.order == "bgr":
            clip = clip[..., ::-1]
        if self.mean != (127.5,) or self.std != (127.5,):
            mean, std = (jnp.asarray(values, jnp.float32) for values in (self.mean, self.std))
            clip = clip * (127.5 / std) + (127.5 - mean) / std
        return clip if self.residual == "none" else self._residual(clip)

    def _residual(self, clip: jax.Array) -> jax.Array:
        """Returns the frame before minus the frame, of clips [..., t, h, w, c]."""
        time = clip.ndim - 4
        change = jnp.roll(clip, 1, axis=time) - clip
        if self.residual == "circular" or clip.shape[time] == 1:
            return change
        later = jax.lax.slice_in_dim(change, 1, None, axis=time)
        first = jax.lax.slice_in_dim(later, 0, 1, axis=time)
        return jnp.concatenate([first, later], axis=time)


TY = Normalisation()
# The statistics that torchvision's and moabitcoin's Kinetics weights were trained with.
TORCHVISION_VIDEO = Normalisation(
    tuple(255 * value for value in (0.43216, 0.394666, 0.37645)),
    tuple(255 * value for value in (0.22803, 0.22145, 0.216989)),
)
IMAGENET = Normalisation(
    tuple(255 * value for value in (0.485, 0.456, 0.406)),
    tuple(255 * value for value in (0.229, 0.224, 0.225)),
)
# video-nonlocal-net: one mean and one deviation for all channels.
CAFFE2 = Normalisation((114.75,), (57.375,))
# 3D-ResNets-PyTorch: the weights of 2020, and those of 2018 (and MARS), which know no deviation.
KINETICS = Normalisation(
    tuple(255 * value for value in (0.4345, 0.4051, 0.3775)),
    tuple(255 * value for value in (0.2768, 0.2713, 0.2737)),
)
ACTIVITYNET = Normalisation((114.7748, 107.7354, 99.4750), (1.0,))
ACTIVITYNET_BGR = Normalisation((114.7748, 107.7354, 99.4750), (1.0,), "bgr")
MARS_FLOW = Normalisation((127.5,), (1.0,), "flow")
UNIT = Normalisation((0.0,), (255.0,))  # VCOP and PCL's fine-tuning: pixels in [0, 1]
NORMALISATIONS: Mapping[str, Normalisation] = {
    "ty": TY,
    "torchvision_video": TORCHVISION_VIDEO,
    "imagenet": IMAGENET,
    "caffe2": CAFFE2,
    "kinetics": KINETICS,
    "activitynet": ACTIVITYNET,
    "activitynet_bgr": ACTIVITYNET_BGR,
    "mars_flow": MARS_FLOW,
    "unit": UNIT,
}


def default_normalisation(in_channels: int, residual: str = "none") -> Normalisation:
    """Returns what a network without public weights gets: TY's for RGB, MARS' for flow.

    `residual` is one of `RESIDUALS`.

    On TY's scale flow is so small that the epsilon of the first BatchNorm, 1e-5, weighs against it:
    behind R3D-18's first convolution the variance is 3e-6 to 3e-3 on eight real videos.
    """
    usual = MARS_FLOW if in_channels == 2 else TY
    return dataclasses.replace(usual, residual=residual)
