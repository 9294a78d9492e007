"""Optical flow is only mirrored, if its clip is, and equals the flow of the mirrored video."""

import dataclasses

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vidkd_jax import augment
from vidkd_jax.augment import Augment
from vidkd_jax.video.flow import flow_method

RNG = np.random.default_rng(0)
CLIPS = RNG.uniform(-1, 1, (16, 2, 5, 4, 3)).astype(np.float32)
FLOW = RNG.uniform(-1, 1, (16, 2, 5, 4, 2)).astype(np.float32)
KEY = jax.random.key(0)
apply = jax.jit(augment.apply, static_argnums=0)


def test_flip_negates_the_horizontal_component_only():
    flow = jnp.array([[[[[0.25, 0.5], [-0.75, 0.125]]]]])[0]  # one row of two pixels
    mirrored = augment.flip_flow(flow, True)
    assert mirrored.tolist() == [[[[0.75, 0.125], [-0.25, 0.5]]]]
    assert augment.flip_flow(flow, False).tolist() == flow.tolist()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_flow_is_mirrored_where_the_clips_are_and_otherwise_left_alone(dtype):
    flow = apply(Augment(), KEY, jnp.array(FLOW, dtype))  # with all operators, as in training
    assert flow.dtype == dtype
    clips = np.asarray(apply(dataclasses.replace(Augment.none(), flip=0.5), KEY, CLIPS))
    mirrored = [not np.array_equal(result, clip) for result, clip in zip(clips, CLIPS, strict=True)]
    assert 0 < sum(mirrored) < len(CLIPS)
    stored = np.asarray(jnp.array(FLOW, dtype))
    for result, field, is_mirrored in zip(np.asarray(flow), stored, mirrored, strict=True):
        expected = field[:, :, ::-1] * np.array([-1, 1], field.dtype) if is_mirrored else field
        np.testing.assert_array_equal(result, expected)


def test_without_augmentation_flow_is_the_same_array():
    np.testing.assert_array_equal(augment.apply(Augment.none(), KEY, jnp.array(FLOW)), FLOW)
    colours = Augment(flip=0.0)
    np.testing.assert_array_equal(augment.apply(colours, KEY, jnp.array(FLOW)), FLOW)


def test_the_flip_commutes_with_computing_the_flow():
    noise = cv2.GaussianBlur(RNG.normal(size=(32, 40)).astype(np.float32), (0, 0), 2)
    first = cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    second = np.roll(first, (1, 2), axis=(0, 1))
    method = flow_method("dis")
    flipped = augment.flip_flow(jnp.asarray(method(first, second))[None] / 20, True)[0] * 20
    of_flipped = method(np.ascontiguousarray(first[:, ::-1]), np.ascontiguousarray(second[:, ::-1]))
    inner = np.s_[6:-6, 6:-6]
    np.testing.assert_allclose(np.asarray(flipped)[inner].mean((0, 1)), [-2, 1], atol=0.1)
    assert np.abs(np.asarray(flipped) - of_flipped)[inner].mean() < 0.1
