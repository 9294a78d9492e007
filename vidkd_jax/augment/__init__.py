"""Clip transforms on the device: pure functions of a key, with one draw per clip, not per frame."""

from vidkd_jax.augment.operators import (
    add_noise,
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    flip,
    flip_flow,
    gaussian_blur,
    jitter,
    split_channels,
    to_grey,
)
from vidkd_jax.augment.policy import Augment, Draw, apply, draw, normalise, plain

__all__ = [
    "Augment",
    "Draw",
    "add_noise",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_hue",
    "apply",
    "draw",
    "flip",
    "flip_flow",
    "gaussian_blur",
    "jitter",
    "normalise",
    "plain",
    "split_channels",
    "to_grey",
]
