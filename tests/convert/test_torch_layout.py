"""A PyTorch state_dict fills Flax's variables completely, or is refused."""

import jax
import numpy as np
import pytest
from flax import linen as nn
from torch_state import from_torch, to_torch

from vidkd_jax.convert.inflation import inflate
from vidkd_jax.convert.unwrapping import unwrap
from vidkd_jax.errors import InputError
from vidkd_jax.models import Head, Recogniser
from vidkd_jax.models.layers import Conv3D, batch_norm
from vidkd_jax.networks.network import Variables


class _Block(nn.Module):
    @nn.compact
    def __call__(self, x, *, train):
        x = Conv3D(4, (1, 2, 3), name="conv1.0")(x)
        return batch_norm(use_running_average=not train, name="conv1.1")(x)


class _Backbone(nn.Module):
    @nn.compact
    def __call__(self, clip, *, train):
        return _Block(name="layer1.0")(clip, train=train).mean((1, 2, 3))


def network(num_classes=5):
    model = Recogniser(_Backbone(), {"logits": Head(num_classes)})
    variables = model.init(jax.random.key(0), np.zeros((1, 2, 3, 4, 3)), train=False)
    return Variables(variables["params"], variables["batch_stats"])


SHAPES = {
    "layer1.0.conv1.0.weight": (4, 3, 1, 2, 3),
    "layer1.0.conv1.1.weight": (4,),
    "layer1.0.conv1.1.bias": (4,),
    "layer1.0.conv1.1.running_mean": (4,),
    "layer1.0.conv1.1.running_var": (4,),
    "fc.weight": (5, 4),
    "fc.bias": (5,),
}


@pytest.fixture
def state():
    rng = np.random.default_rng(0)
    drawn = {name: rng.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}
    return {n: np.abs(v) if n.endswith(".running_var") else v for n, v in drawn.items()}


def test_names_and_layouts_are_pytorchs(state):
    counters = {"layer1.0.conv1.1.num_batches_tracked": np.array(7)}
    variables, report = from_torch(state | counters, network(), "fc")
    block = variables.params["backbone"]["layer1.0"]
    weight = state["layer1.0.conv1.0.weight"]
    assert block["conv1.0"]["kernel"].shape == (1, 2, 3, 3, 4)
    assert block["conv1.0"]["kernel"][0, 1, 2, 0, 3] == weight[3, 0, 0, 1, 2]
    assert np.array_equal(block["conv1.1"]["scale"], state["layer1.0.conv1.1.weight"])
    statistics = variables.batch_stats["backbone"]["layer1.0"]["conv1.1"]
    assert np.array_equal(statistics["var"], state["layer1.0.conv1.1.running_var"])
    assert np.array_equal(variables.params["logits"]["kernel"], state["fc.weight"].T)
    assert {*report.loaded} == {*SHAPES} and not report.skipped and not report.initialised


def test_there_and_back_is_the_same(state):
    variables, _ = from_torch(state, network(), "fc")
    back = to_torch(variables, "fc")
    assert {*back} == {*state}
    assert all(np.array_equal(back[name], state[name]) for name in state)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer1.0.conv1.0.weight": None}, r"1 of the backbone's 5 .*conv1\.0\.weight is missing"),
        ({"layer1.0.conv1.1.bias": np.zeros(8)}, r"conv1\.1\.bias is \(8,\), not \(4,\)"),
        ({"layer1.1.conv1.0.weight": np.zeros((4, 3, 1, 2, 3))}, "1 tensors .*does not have"),
        ({"fc.weight": np.zeros((5, 8))}, r"fc\.weight is \(8, 5\), not .*frames"),
    ],
)
def test_what_does_not_fit_is_refused(state, change, message):
    changed = {name: value for name, value in (state | change).items() if value is not None}
    with pytest.raises(InputError, match=message):
        from_torch(changed, network(), "fc")


def test_another_number_of_classes_starts_a_new_head(state):
    fresh = network(num_classes=3)
    variables, report = from_torch(state | {"projector.0.bias": np.zeros(2)}, fresh, "fc")
    assert np.array_equal(variables.params["logits"]["kernel"], fresh.params["logits"]["kernel"])
    assert report.initialised == {"fc": "5 classes in the checkpoint, 3 here"}
    assert report.skipped == ("projector.0.bias", "fc.weight", "fc.bias")
    nonsense = {"fc.weight": np.zeros(()), "fc.bias": np.zeros(())}
    _, report = from_torch(state | nonsense, fresh, "fc")
    assert report.initialised == {"fc": "a single number in the checkpoint"}


def test_envelopes_and_prefixes_come_off():
    array = np.zeros(1)
    wrapped = {
        "epoch": 3,
        "state_dict": {"module.base_network.conv1.bias": array, "module.fc": array},
    }
    arrays, outside = unwrap(wrapped, "file")
    assert [*arrays] == ["conv1.bias"] and outside == ("fc",)
    assert [*unwrap({"model": {"conv1.bias": array, "arch": "r3d"}}, "file")[0]] == ["conv1.bias"]
    stages = {f"base_network.{i}.x": array for i in range(5)}
    names = [*unwrap(stages, "file")[0]]
    assert names == ["stem.x", "layer1.x", "layer2.x", "layer3.x", "layer4.x"]


@pytest.mark.parametrize("module", ["", "module."])
def test_the_classifier_of_tsn_pytorch_is_beside_the_network(module):
    array = np.zeros(1)
    names = [f"{module}base_model.conv1.weight", f"{module}base_model.layer1.0.bn1.bias"]
    saved = {"state_dict": dict.fromkeys([*names, f"{module}new_fc.weight"], array)}
    arrays, outside = unwrap(saved, "file")
    assert [*arrays] == ["conv1.weight", "layer1.0.bn1.bias", "fc.weight"] and not outside


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(state, value):
    state["layer1.0.conv1.1.running_var"][2] = value
    message = r"1 tensors hold NaN or infinity \(layer1\.0\.conv1\.1\.running_var\)"
    with pytest.raises(InputError, match=message):
        from_torch(state, network(), "fc")


def test_mmactions_modules_come_apart():
    array = np.zeros(1)
    names = {
        "backbone.conv1.conv.weight": "conv1.weight",
        "backbone.conv1.bn.bias": "bn1.bias",
        "backbone.layer1.0.conv2.bn.running_var": "layer1.0.bn2.running_var",
        "backbone.layer1.0.downsample.conv.weight": "layer1.0.downsample.0.weight",
        "backbone.layer1.0.downsample.bn.bias": "layer1.0.downsample.1.bias",
        "cls_head.fc_cls.bias": "fc.bias",
    }
    arrays, outside = unwrap({"state_dict": dict.fromkeys(names, array)}, "file")
    assert [*arrays] == [*names.values()] and not outside


def test_inflation_preserves_the_mean_over_time():
    kernel = np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2)
    wanted = {"deep": np.zeros((3, 1, 2, 2, 2)), "flat": np.zeros((1, 1, 2, 2, 2))}
    arrays = dict.fromkeys(wanted, kernel)
    inflated = inflate(arrays, wanted, over_time=True)
    assert inflated["deep"].shape == (3, 1, 2, 2, 2)
    np.testing.assert_allclose(inflated["deep"].sum(0), kernel, rtol=1e-6)
    assert np.array_equal(inflated["deep"][0], inflated["deep"][2])
    as_it_is = inflate(arrays, wanted, over_time=False)
    assert as_it_is["deep"] is kernel and np.array_equal(as_it_is["flat"][0], kernel)


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        ({}, "holds no tensors by name, but only nothing"),
        ({"epoch": 3}, "holds no tensors by name, but only epoch"),
        ({"state_dict": {"arch": "r3d"}}, "holds no tensors by name, but only arch"),
        ({0: np.zeros(1)}, "holds no tensors by name, but only 0"),
        ([np.zeros(1), np.zeros(2)], "holds a list of 2 entries, not tensors by name"),
        (np.zeros((3, 4)), r"holds a single tensor of shape \(3, 4\), not tensors by name"),
        (7, "holds an object of type int, not tensors by name"),
    ],
)
def test_files_without_tensors_are_refused(saved, message):
    with pytest.raises(InputError, match=f"file: {message}"):
        unwrap(saved, "file")
