"""Image ResNets over frames: their exact numbers of parameters, and their use of time."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vidkd_jax import models
from vidkd_jax.errors import InputError
from vidkd_jax.models.costs import count


def inflated(blocks):
    """Parameters that I3D adds to an image ResNet.

    The stem gets 4 more kernels of 7 x 7, and each inflated block 2 more kernels of 1 x 1.
    """
    total = 4 * 49 * 3 * 64
    for stage, number in enumerate(blocks):
        inner = 64 * 2**stage
        for index in range(number):
            c_in = inner * 4 if index else (64 if stage == 0 else inner * 2)
            if stage == 0 or (index % 2 == 0) != (stage == 3):
                total += 2 * c_in * inner
    return total


HEAD = 2048 * 400 + 400
COUNTS = {  # torchvision publishes 11,689,512, 25,557,032 and 44,549,160 at 1,000 classes
    ("tsn_resnet18", 101): 11_228_325,
    ("tsn_resnet18", 1000): 11_689_512,
    ("tsn_resnet50", 1000): 25_557_032,
    ("i3d_resnet50", 400): 25_557_032 - 2_049_000 + inflated((3, 4, 6, 3)) + HEAD,
    ("i3d_resnet101", 400): 44_549_160 - 2_049_000 + inflated((3, 4, 23, 3)) + HEAD,
}


@pytest.mark.parametrize(("name", "num_classes"), COUNTS)
def test_parameters_to_the_unit(name, num_classes):
    parameters, _ = count(models.create(name, num_classes), (16, 112, 112, 3))
    assert parameters == COUNTS[name, num_classes]


def test_inflated_count_is_mmactions():
    assert COUNTS["i3d_resnet50", 400] == 28_043_472  # its model zoo says 28.0M


def test_tsn_averages_frames_whatever_their_order():
    model = models.create("tsn_resnet18", 5, width=1 / 16)
    clip = jax.random.normal(jax.random.key(0), (2, 3, 32, 32, 3))
    init = jax.jit(partial(model.init, train=False))
    variables = init(jax.random.key(1), clip)

    @jax.jit
    def logits(clip):
        return model.apply(variables, clip, train=False)["logits"]

    np.testing.assert_allclose(logits(clip[:, ::-1]), logits(clip), rtol=1e-4, atol=1e-5)
    alone = jnp.stack([logits(clip[:, i : i + 1].repeat(3, axis=1)) for i in range(3)])
    np.testing.assert_allclose(alone.mean(0), logits(clip), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "least"), [("i3d_resnet50", 5), ("i3d_resnet50_caffe2", 7)])
def test_too_few_frames_for_i3d_are_named(name, least):
    model = models.create(name, 5, width=1 / 16)

    def shapes(frames):
        clip = jax.ShapeDtypeStruct((1, frames, 32, 32, 3), jnp.float32)
        return jax.eval_shape(lambda clip: model.init(jax.random.key(0), clip, train=False), clip)

    shapes(least)
    too_few = rf"data\.frames: {least - 1} frames are too few for I3D; use at least {least}"
    with pytest.raises(InputError, match=too_few):
        shapes(least - 1)
