"""Converts .h5 files in the layout of Keras 2 to TY's released networks."""

import jax
import numpy as np
import pytest

from vidkd_jax.convert.__main__ import _abstract, main
from vidkd_jax.errors import InputError
from vidkd_jax.models.normalisation import TY
from vidkd_jax.networks import public_names, weights
from vidkd_jax.networks.card import Card

h5py = pytest.importorskip("h5py", reason="the extra 'parity' brings h5py")

_KERAS = {
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}


def drawn(name):
    """Draws random weights of a narrow network by name, with axes [d, h, w, i, o] as in Keras."""
    card = Card(name, 1 / 32, 3, 5, 16, TY)
    rng = np.random.default_rng(0)
    shapes = public_names.by_public_name(_abstract(card), head="fc")
    random = {n: rng.normal(size=leaf.shape).astype(np.float32) for n, leaf in shapes.items()}
    return {n: np.abs(v) if n.endswith(".running_var") else v for n, v in random.items()}


def keras_layers(arrays, first):
    """Returns [(Keras' name, {leaf: array})] in the order in which TY's code makes the layers."""
    layers, numbers = [], {"conv3d": first, "batch_normalization": first, "dense": 0}
    for module in sorted({name.rpartition(".")[0] for name in arrays}):
        leaves = {n.rpartition(".")[2]: a for n, a in arrays.items() if n.startswith(f"{module}.")}
        rank = leaves["weight"].ndim
        kind = {5: "conv3d", 1: "batch_normalization", 2: "dense"}[rank]
        names = _KERAS | (
            {"weight": "gamma", "bias": "beta"} if rank == 1 else {"weight": "kernel"}
        )
        number = numbers[kind]
        numbers[kind] += 1
        layers.append((
            f"{kind}_{number}" if number else kind,
            {names.get(leaf, leaf): array for leaf, array in leaves.items()},
        ))  # fmt: skip
    return layers


def by_depth(layers, shortcuts):
    """Returns the layers in the order of a file: a shortcut is before the convolution beside it."""
    layers = list(layers)
    for name in shortcuts:
        at = next(i for i, (layer, _) in enumerate(layers) if layer == name)
        before = max(i for i in range(at) if layers[i][0].startswith("conv3d"))
        layers.insert(before, layers.pop(at))
    return layers


def write(path, layers, *, whole_model):
    with h5py.File(path, "w") as file:
        group = file.create_group("model_weights") if whole_model else file
        group.attrs["layer_names"] = [b"input_1", *(name.encode() for name, _ in layers)]
        group.create_group("input_1").attrs["weight_names"] = []
        for name, leaves in layers:
            layer = group.create_group(name)
            layer.attrs["weight_names"] = [f"{name}/{leaf}:0".encode() for leaf in leaves]
            for leaf, array in leaves.items():
                layer[f"{name}/{leaf}:0"] = array


@pytest.mark.parametrize(
    ("name", "first", "whole_model"),
    [("ty_r3d_18_keras", 0, False), ("ty_r3d_50_keras", 20, True)],
)
def test_layers_find_their_places_by_order(name, first, whole_model, tmp_path):
    arrays = drawn(name)
    layers = keras_layers(arrays, first)
    conv_names = [layer for layer, leaves in layers if layer.startswith("conv3d")]
    modules = sorted(n.rpartition(".")[0] for n, a in arrays.items() if a.ndim == 5)
    shortcuts = [
        layer for layer, module in zip(conv_names, modules, strict=True) if "shortcut" in module
    ]
    assert len(shortcuts) == (3 if "18" in name else 4)
    write(tmp_path / "net.h5", by_depth(layers, shortcuts), whole_model=whole_model)
    flags = [f"--model={name}", "--width=0.03125", f"--checkpoint={tmp_path / 'net.h5'}"]
    main([*flags, f"--out={tmp_path / 'out'}"])
    card, variables = weights.load(tmp_path / "out")
    assert (card.num_classes, card.frames, card.size, card.normalisation) == (5, 16, 112, TY)
    found = public_names.by_public_name(variables, head="fc")
    assert {*found} == {*arrays}
    assert jax.tree.all({n: np.array_equal(found[n], arrays[n]) for n in arrays})


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("ty_r3d_34_keras", "has 20 convolutions, but the network has 36; check --model"),
        ("ty_r3d_18", r"\.h5 files are only for the networks ty_r3d_\*_keras\*, not for ty_r3d_18"),
    ],
)
def test_other_networks_are_refused(model, message, tmp_path):
    layers = keras_layers(drawn("ty_r3d_18_keras"), 0)
    write(tmp_path / "net.h5", layers, whole_model=False)
    flags = ["--width=0.03125", f"--checkpoint={tmp_path / 'net.h5'}", f"--out={tmp_path / 'out'}"]
    with pytest.raises(InputError, match=message):
        main([f"--model={model}", *flags])


@pytest.mark.parametrize(
    ("model", "pooled", "flags", "message"),
    [
        ("ty_r3d_18_keras", True, [], "has a max-pool .*; use --model=ty_r3d_18_keras_224"),
        ("ty_r3d_18_keras_224", False, [], "has no max-pool .*; use --model=ty_r3d_18_keras$"),
        ("ty_r3d_18_keras", False, ["--size=224"], "--size=224: .*; leave --size out"),
        ("ty_r3d_18_keras_224", True, ["--size=112"], "--size=112: .*; leave --size out"),
    ],
)
def test_files_of_the_other_size_are_told_apart_by_their_pool(
    model, pooled, flags, message, tmp_path, capsys
):
    """Both networks have the same layers with weights, and very different answers."""
    pool = [("max_pooling3d", {})] if pooled else []
    layers = [*keras_layers(drawn("ty_r3d_18_keras"), 0), *pool]
    write(tmp_path / "net.h5", layers, whole_model=False)
    given = ["--width=0.03125", f"--checkpoint={tmp_path / 'net.h5'}", f"--out={tmp_path / 'out'}"]
    with pytest.raises(InputError, match=message):
        main([f"--model={model}", *given, *flags])
    right = "ty_r3d_18_keras_224" if pooled else "ty_r3d_18_keras"
    main([f"--model={right}", *given])
    side = 224 if pooled else 112
    assert weights.load_card(tmp_path / "out").size == side
    assert (
        f"is right for TY's .h5 files for clips of {side}x{side} pixels" in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    "leaves", [("depthwise_kernel",), ("beta", "moving_mean", "moving_variance")]
)
def test_layers_that_the_networks_do_not_have_are_named(leaves, tmp_path):
    layers = keras_layers(drawn("ty_r3d_18_keras"), 0)
    other = ("other_1", {leaf: np.zeros((3, 3, 4, 1), np.float32) for leaf in leaves})
    write(tmp_path / "net.h5", [*layers, other], whole_model=False)
    flags = ["--width=0.03125", f"--checkpoint={tmp_path / 'net.h5'}", f"--out={tmp_path / 'out'}"]
    message = "has a layer 'other_1', which the network lacks; check --model"
    with pytest.raises(InputError, match=message):
        main(["--model=ty_r3d_18_keras", *flags])


def test_files_that_are_not_keras_are_named(tmp_path):
    (tmp_path / "text.h5").write_text("hello")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.zeros(3)
    for name in ("text.h5", "other.h5"):
        flags = [f"--checkpoint={tmp_path / name}", f"--out={tmp_path / 'out'}"]
        with pytest.raises(InputError, match=rf"{name}: is not a \.h5 checkpoint"):
            main(["--model=ty_r3d_18_keras", *flags])
