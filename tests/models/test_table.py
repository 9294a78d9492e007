"""The table of backbones has the papers' costs, and its command lists blocks."""

import json

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn

from vidkd_jax import models
from vidkd_jax.errors import InputError
from vidkd_jax.models.__main__ import describe, main, taps
from vidkd_jax.models.costs import count
from vidkd_jax.models.layers import Conv3D

# For a clip of 16 x 112 x 112 and 400 classes, computed from shapes.
GMACS = {
    "ty_r3d_18_keras": 42.6,
    "ty_r3d_34_keras": 77.3,
    "ty_r3d_50_keras": 54.0,
    "ig65m_r2plus1d_34": 76.2,
    "hara_r3d_18": 8.3,
    "hara_r3d_34": 12.7,
    "hara_r3d_50": 10.1,
    "hara_resnext_101": 9.57,
    "shufflenet3d_v2_2.0x": 0.425,
}


@pytest.mark.parametrize("name", GMACS)
def test_gmacs_are_those_of_the_shapes(name):
    assert describe(name, 400)["gmacs"] == pytest.approx(GMACS[name], rel=0.02)


# For a clip of its own, 400 classes (Feichtenhofer 2020, Tables 2 and 4).
@pytest.mark.parametrize(
    ("name", "gmacs"), [("x3d_xs", 0.6), ("x3d_s", 1.96), ("x3d_m", 4.73), ("x3d_l", 18.37)]
)
def test_gmacs_of_x3d_are_the_papers(name, gmacs):
    found = models.lookup(name)
    shape = (found.frames, found.size, found.size, 3)
    assert count(models.create(name, 400), shape)[1] / 1e9 == pytest.approx(gmacs, rel=0.01)


class _Tiny(nn.Module):
    @nn.compact
    def __call__(self, clip, *, train):
        x = Conv3D(8, (3, 3, 3), (1, 2, 2), name="dense")(clip)
        x = Conv3D(8, (3, 1, 1), groups=8, name="depthwise")(x)
        return x.mean((1, 2, 3))


def test_products_are_counted_by_hand():
    model = models.Recogniser(_Tiny(), {"logits": models.Head(5)})
    parameters, macs = count(model, (4, 6, 6, 3))
    assert parameters == 27 * 3 * 8 + 3 * 8 + 8 * 5 + 5
    positions = 4 * 3 * 3
    assert macs == positions * 8 * 27 * 3 + positions * 8 * 3 + 8 * 5


class _Recurrent(nn.Module):
    @nn.compact
    def __call__(self, clip, *, train):
        frames = jnp.moveaxis(clip.mean((2, 3)), 1, 0)
        kernel = self.param("kernel", nn.initializers.ones, (3, 3))
        state, _ = jax.lax.scan(lambda x, frame: (x @ kernel + frame, None), frames[0], frames)
        return state


def test_a_loop_over_frames_counts_for_each_of_them():
    model = models.Recogniser(_Recurrent(), {"logits": models.Head(5)})
    assert count(model, (4, 6, 6, 3))[1] == 4 * 3 * 3 + 3 * 5


def test_table_names_every_backbone(capsys, monkeypatch):
    monkeypatch.setattr("vidkd_jax.models.__main__.available", lambda: ("ty_r3d_18", "mc3_18"))
    main([])
    header, first, second, note = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["name", "parameters", "GMACs"]
    assert first.split()[:3] == ["ty_r3d_18", "33,613,904", "42.58"]
    assert second.split()[1] == "11,695,440" and "torchvision_video BSD-3-Clause" in second
    assert "400 classes" in note
    main(["--json", "--num_classes=101"])
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == ["ty_r3d_18", "mc3_18"]
    assert rows[0]["parameters"] == 33_613_904 - 299 * 1025
    assert rows[1]["normalisation"]["order"] == "rgb" and rows[1]["frames"] == 16


def test_taps_are_the_names_of_the_blocks(capsys):
    main(["--taps=ty_r3d_18"])
    blocks = capsys.readouterr().out.split()
    assert {"stem", "stage2_block1", "stage5_block2", "stage5_block2/conv2"} <= {*blocks}
    assert "layer4.1" in taps("r3d_18")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--taps=ty_r3d18"], "--taps: no backbone 'ty_r3d18'; did you mean 'ty_r3d_18'"),
        (["--num_classes=0"], "--num_classes=0: give a positive number"),
    ],
)
def test_wrong_flags_are_named(flags, message):
    with pytest.raises(InputError, match=message):
        main(flags)
