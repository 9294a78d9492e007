import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vidkd_jax import models
from vidkd_jax.errors import InputError
from vidkd_jax.models import Head
from vidkd_jax.models.resnet3d import BasicBlock, ResNet3D

# TY, Table 2: output of the last block of each stage for a 16-frame clip of 112 x 112.
STAGES = {
    "ty_r3d_18": [(16, 56, 56, 64), (8, 28, 28, 128), (4, 14, 14, 256), (2, 7, 7, 512)],
    "ty_r3d_50": [(16, 56, 56, 256), (8, 28, 28, 512), (4, 14, 14, 1024), (2, 7, 7, 2048)],
}
CLIP = jax.ShapeDtypeStruct((2, 16, 112, 112, 3), jnp.float32)


def shapes(name, num_classes=101, clip=CLIP, **options):
    model = models.create(name, num_classes, **options)

    def apply(key, clip):
        variables = model.init(key, clip, train=False)
        outputs, state = model.apply(
            variables, clip, train=False, capture_intermediates=True, mutable=["intermediates"]
        )
        return variables, outputs, state["intermediates"]["backbone"]

    return jax.eval_shape(apply, jax.random.key(0), clip)


@pytest.mark.parametrize("name", STAGES)
def test_stages_have_the_shapes_of_the_papers_table(name):
    _, outputs, taps = shapes(name)
    assert taps["stem"]["__call__"][0].shape == (2, 16, 56, 56, 64)
    for number, expected in enumerate(STAGES[name], start=2):
        blocks = [tap for tap in taps if tap.startswith(f"stage{number}_")]
        for block in blocks:
            assert taps[block]["__call__"][0].shape == (2, *expected), block
    assert outputs["features"].shape == (2, 2 * STAGES[name][-1][-1])  # T/8 x C5
    assert outputs["logits"].shape == (2, 101)


def basic_count(blocks, channels=(64, 128, 256, 512)):
    """Counts the parameters of convolutions and norms of a network of basic blocks by hand."""
    total = 7**3 * 3 * 64 + 2 * 64
    before = 64
    for count, c in zip(blocks, channels, strict=True):
        total += 27 * before * c + (2 * count - 1) * 27 * c * c + 2 * count * 2 * c
        if before != c:
            total += before * c + 2 * c
        before = c
    return total


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ty_r3d_18", basic_count((2, 2, 2, 2)) + 1024 * 101 + 101),
        ("ty_r3d_34", basic_count((3, 4, 6, 3)) + 1024 * 101 + 101),
        # Hara et al.'s R3D-50 has 46,405,925 parameters for 101 classes. Its classifier gets half
        # as many features, because it pools over time.
        ("ty_r3d_50", 46_612_773),
    ],
)
def test_parameter_counts(name, expected):
    variables, _, _ = shapes(name)
    assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == expected


def test_basic_count_is_the_published_one():
    # torchvision's r3d_18 at 400 classes has 33,371,472, with a 3x7x7 stem and 512 features.
    assert basic_count((2, 2, 2, 2)) - 4 * 49 * 3 * 64 + 512 * 400 + 400 == 33_371_472


def test_width_scales_channels_and_odd_clips_round_up():
    clip = jax.ShapeDtypeStruct((1, 9, 45, 45, 3), jnp.float32)
    variables, outputs, _ = shapes("ty_r3d_18", 5, clip, width=0.125)
    assert variables["params"]["backbone"]["stem"]["kernel"].shape == (7, 7, 7, 3, 8)
    assert outputs["features"].shape == (1, 2 * 64)


def test_bfloat16_computes_narrow_and_keeps_parameters_and_outputs_wide():
    clip = jax.ShapeDtypeStruct((1, 8, 16, 16, 3), jnp.float32)
    variables, outputs, taps = shapes("ty_r3d_18", 5, clip, width=0.125, dtype=jnp.bfloat16)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    assert taps["stage5_block2"]["__call__"][0].dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves(outputs)} == {jnp.dtype("float32")}


def test_training_mode_moves_the_statistics_as_pytorch_does():
    model = models.Recogniser(
        ResNet3D(stage_sizes=(1,), block=BasicBlock, width=2 / 64), {"logits": Head(3)}
    )
    clip = jax.random.normal(jax.random.key(1), (2, 4, 16, 16, 3))
    variables = model.init(jax.random.key(0), clip, train=False)
    _, updated = model.apply(variables, clip, train=True, mutable=["batch_stats"])
    stem = variables["params"]["backbone"]["stem"]["kernel"]
    y = jax.lax.conv_general_dilated(
        clip, stem, (1, 2, 2), [(3, 3)] * 3, dimension_numbers=("NDHWC", "DHWIO", "NDHWC")
    )
    moved = updated["batch_stats"]["backbone"]["stem_norm"]
    np.testing.assert_allclose(moved["mean"], 0.1 * y.mean((0, 1, 2, 3)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(moved["var"], 0.9 + 0.1 * y.var((0, 1, 2, 3)), rtol=1e-4)


def test_unknown_names_and_widths_are_named():
    with pytest.raises(InputError, match="ty_r3d_18"):
        models.create("ty_r3d18", 5)
    with pytest.raises(InputError, match=r"model\.width"):
        jax.eval_shape(
            lambda clip: models.create("ty_r3d_18", 5, width=0.001).init(
                jax.random.key(0), clip, train=False
            ),
            jax.ShapeDtypeStruct((1, 8, 32, 32, 3), jnp.float32),
        )
