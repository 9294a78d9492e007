"""The convert command: the folders that it writes, and its messages about bad files."""

import dataclasses
import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from torch_state import to_torch

from vidkd_jax import models
from vidkd_jax.convert.__main__ import _abstract, main
from vidkd_jax.errors import InputError
from vidkd_jax.models.normalisation import ACTIVITYNET, IMAGENET, TY
from vidkd_jax.networks import weights
from vidkd_jax.networks.card import Card

NARROW = ["--model=ty_r3d_18", "--width=0.03125"]


def card(**changes):
    values = {"model": "ty_r3d_18", "width": 1 / 32, "in_channels": 3, "num_classes": 4}
    return Card(**{**values, "frames": 16, "size": 112, "normalisation": TY, **changes})


def random_state(**changes):
    """Returns a random state_dict of a narrow network, under public names."""
    import jax

    rng = np.random.default_rng(0)
    shapes = _abstract(card(**changes))
    drawn = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape).astype(np.float32), shapes)
    state = to_torch(drawn, "fc")
    return {n: np.abs(value) if n.endswith(".running_var") else value for n, value in state.items()}


@pytest.fixture(scope="module")
def state():
    return random_state()


@pytest.fixture
def npz(tmp_path, state):
    np.savez(tmp_path / "net.npz", **state)
    return tmp_path / "net.npz"


def convert(checkpoint, out, *flags):
    main([*NARROW, f"--checkpoint={checkpoint}", f"--out={out}", *flags])


def assert_folder_holds(folder, state):
    _, variables = weights.load(folder)
    found = to_torch(variables, "fc")
    assert {*found} == {*state}
    assert all(np.array_equal(found[name], state[name]) for name in state)


def test_writes_weights_and_what_must_be_known_of_them(npz, state, tmp_path, capsys):
    convert(npz, tmp_path / "out", "--normalisation=activitynet")
    assert_folder_holds(tmp_path / "out", state)
    found, _ = weights.load(tmp_path / "out")
    assert found.normalisation == ACTIVITYNET and found.source["file"] == "net.npz"
    assert len(found.source["sha256"]) == 64
    assert found == card(normalisation=ACTIVITYNET, source=found.source)
    saved = json.loads((tmp_path / "out" / "model.json").read_text())
    assert saved["num_classes"] == 4 and saved["normalisation"]["order"] == "rgb"
    said = capsys.readouterr().out
    assert said.startswith(f"loaded {len(state)} tensors\n")
    folder = tmp_path / "out"
    assert said.endswith(f"python -m vidkd_jax.predict --run={folder} VIDEO_OR_FOLDER\n")
    assert f"--config.model.name=ty_r3d_18 --config.model.init_from={folder}\n" in said


def test_the_card_says_how_far_apart_the_frames_are(npz, tmp_path):
    convert(npz, tmp_path / "out", "--stride=2")
    assert weights.load_card(tmp_path / "out").stride == 2
    with pytest.raises(InputError, match=r"--stride=0: give a positive number"):
        convert(npz, tmp_path / "other", "--stride=0")


def test_the_card_says_whether_there_is_a_classifier(npz, tmp_path):
    convert(npz, tmp_path / "out")
    convert(npz, tmp_path / "new", "--num_classes=9")
    assert weights.load_card(tmp_path / "out").has_classifier
    assert not weights.load_card(tmp_path / "new").has_classifier


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".tar", ".pyth", ".ckpt", ".safetensors"])
def test_reads_the_common_formats(suffix, state, tmp_path):
    path = tmp_path / f"net{suffix}"
    if suffix == ".safetensors":
        file = pytest.importorskip("safetensors.numpy")
        file.save_file({name: np.ascontiguousarray(value) for name, value in state.items()}, path)
    else:
        torch = pytest.importorskip("torch")
        tensors = {f"module.{n}": torch.tensor(np.ascontiguousarray(v)) for n, v in state.items()}
        envelope = "model_state" if suffix == ".pyth" else "state_dict"
        torch.save({"epoch": 3, "optimizer": {}, envelope: tensors}, path)
    convert(path, tmp_path / "out")
    assert_folder_holds(tmp_path / "out", state)


def test_a_still_image_network_from_a_file_of_the_first_pytorch(tmp_path):
    """Places365's ResNets: written before PyTorch 1.6, with `module.` names and other entries."""
    torch = pytest.importorskip("torch")
    state = random_state(model="tsn_resnet18", frames=3, size=224, num_classes=365)
    tensors = {f"module.{n}": torch.tensor(np.ascontiguousarray(v)) for n, v in state.items()}
    tensors = {n: v for n, v in tensors.items() if not n.endswith("num_batches_tracked")}
    held = {"epoch": 90, "arch": "resnet18", "state_dict": tensors, "best_prec1": torch.tensor(0.5)}
    path = tmp_path / "resnet18_places365.pth.tar"
    torch.save(held, path, _use_new_zipfile_serialization=False)
    out = tmp_path / "places"
    flags = ["--model=tsn_resnet18", "--width=0.03125", "--frames=1"]
    main([*flags, f"--checkpoint={path}", f"--out={out}"])
    assert_folder_holds(out, state)
    found = weights.load_card(out)
    assert (found.num_classes, found.frames, found.has_classifier) == (365, 1, True)


def test_a_still_image_network_is_inflated_to_haras_3d_resnet(tmp_path):
    """What a repeated image gives inside a clip is what the image gave."""
    images = random_state(model="tsn_resnet18", frames=1, size=224)
    images = {n: v[:, :, 0] if v.ndim == 5 else v for n, v in images.items()}
    np.savez(tmp_path / "images.npz", **images)
    out = tmp_path / "out"
    flags = ["--model=hara_r3d_18", "--width=0.03125", "--inflate"]
    main([*flags, f"--checkpoint={tmp_path / 'images.npz'}", f"--out={out}"])
    _, variables = weights.load(out)
    inflated = to_torch(variables, "fc")
    assert {*inflated} == {*images}
    for name, array in inflated.items():
        summed = array.sum(2) if array.ndim == 5 else array
        np.testing.assert_allclose(summed, images[name], rtol=1e-5, atol=1e-6, err_msg=name)
    assert inflated["layer4.1.conv2.weight"].shape[2] == 3
    assert weights.load_card(out).normalisation == IMAGENET  # of the image network


@pytest.mark.parametrize("prefix", ["model.", "student.encoder.", "module.net.0."])
def test_a_network_is_found_under_whatever_a_training_script_calls_it(
    prefix, state, tmp_path, capsys
):
    others = {"criterion.weight": np.zeros(3), "teacher.conv1.weight": np.zeros(3)}
    below = {f"{prefix}{name}": value for name, value in state.items()}
    np.savez(tmp_path / "net.npz", **others, **below)
    convert(tmp_path / "net.npz", tmp_path / "out")
    assert_folder_holds(tmp_path / "out", state)
    said = capsys.readouterr().out
    assert f"took the tensors whose names begin with '{prefix.removeprefix('module.')}'" in said
    assert "ignored, because not part of the network: criterion.weight, teacher.conv1" in said


def test_which_of_two_networks_is_wanted_is_not_guessed(state, tmp_path):
    both = {f"{part}.{n}": value for part in ("student", "teacher") for n, value in state.items()}
    np.savez(tmp_path / "both.npz", **both)
    with pytest.raises(InputError, match=r"under 'student\.' and 'teacher\.'; give a"):
        convert(tmp_path / "both.npz", tmp_path / "out")
    np.savez(tmp_path / "plain.npz", **state, **{f"ema.{n}": 2 * v for n, v in state.items()})
    convert(tmp_path / "plain.npz", tmp_path / "out")
    assert_folder_holds(tmp_path / "out", state)


def test_of_a_network_under_a_prefix_each_tensor_must_be_there(state, tmp_path):
    first = next(iter(state))
    part = {f"model.{name}": value for name, value in state.items() if name != first}
    np.savez(tmp_path / "part.npz", **part)
    with pytest.raises(InputError, match=rf"1 of the backbone's 100 .*\({first} is missing\)"):
        convert(tmp_path / "part.npz", tmp_path / "out")


def test_half_precision_becomes_single(state, tmp_path):
    torch = pytest.importorskip("torch")
    halved = {name: torch.tensor(value.copy()).bfloat16() for name, value in state.items()}
    torch.save(halved, tmp_path / "net.pt")
    convert(tmp_path / "net.pt", tmp_path / "out")
    assert_folder_holds(tmp_path / "out", {n: v.float().numpy() for n, v in halved.items()})


def test_other_classes_get_a_new_head_and_the_command_says_so(npz, tmp_path, capsys):
    convert(npz, tmp_path / "out", "--num_classes=7")
    found, variables = weights.load(tmp_path / "out")
    assert found.num_classes == 7 and variables.params["logits"]["kernel"].shape == (32, 7)
    assert np.std(variables.params["logits"]["kernel"]) > 0
    assert not np.any(variables.params["logits"]["bias"])
    assert "initialised fc: 4 classes in the checkpoint, 7 here" in capsys.readouterr().out


def test_half_a_classifier_is_none_and_what_is_left_of_it_is_named(state, tmp_path, capsys):
    np.savez(tmp_path / "net.npz", **{k: v for k, v in state.items() if k != "fc.bias"})
    convert(tmp_path / "net.npz", tmp_path / "out")
    said = capsys.readouterr().out
    assert "initialised fc: fc.bias is not in the checkpoint" in said
    assert "skipped 1: fc.weight" in said
    assert not weights.load_card(tmp_path / "out").has_classifier


def test_flow_weights_have_two_input_channels(tmp_path):
    np.savez(tmp_path / "flow.npz", **random_state(in_channels=2))
    convert(tmp_path / "flow.npz", tmp_path / "out", "--normalisation=mars_flow")
    assert weights.load_card(tmp_path / "out").in_channels == 2


class _RunsCode:
    def __reduce__(self):
        return os.system, ("touch pwned",)


def _pickle_that_runs_code(path, state):
    path.write_bytes(pickle.dumps({"state_dict": _RunsCode()}, protocol=2))


def _truncated(path, state):
    torch = pytest.importorskip("torch")
    torch.save({name: torch.tensor(value.copy()) for name, value in state.items()}, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _flipped(path, state):
    """Inverts 4 KB in the middle of a tensor, as a bad copy or disk may."""
    torch = pytest.importorskip("torch")
    torch.save({name: torch.tensor(value.copy()) for name, value in state.items()}, path)
    content, largest = bytearray(path.read_bytes()), max(state.values(), key=np.size)
    at = content.index(largest.tobytes()[:64]) + largest.nbytes // 2
    content[at : at + 4096] = bytes(255 - byte for byte in content[at : at + 4096])
    path.write_bytes(content)


BAD_FILES = {
    "code.pth": (_pickle_that_runs_code, r"holds \S*system beside tensors"),
    "half.pth": (_truncated, "damaged"),
    "text.pth": (lambda path, state: path.write_text("hello"), r"is not a \.pth checkpoint"),
    "text.npz": (lambda path, state: path.write_text("hello"), r"is not a \.npz checkpoint"),
    "text.safetensors": (lambda path, state: path.write_text("hello"), "is not a"),
    "empty.pth": (lambda path, state: path.touch(), "is not a"),
    "missing.pth": (lambda path, state: None, "no such file"),
    "net.onnx": (lambda path, state: path.touch(), r"give a file of \.pth"),
    "scalar.npz": (
        lambda path, state: np.savez(path, **{**state, "fc.weight": 3.0}),
        "no classifier 'fc'",
    ),
    "other.npz": (  # the head's other name is not what is wrong
        lambda path, state: np.savez(path, x=np.zeros(3), **{"new_fc.weight": np.zeros((4, 3))}),
        "backbone's 100 tensors do not fit .*; are model, width",
    ),
    "headless.npz": (
        lambda path, state: np.savez(
            path, **{n.replace("fc.", "classifier."): value for n, value in state.items()}
        ),
        "no classifier 'fc', but classifier.bias, classifier.weight; give --num_classes",
    ),
    "flipped.pth": (_flipped, "damaged .the checksum of its part '.*data/.*' is wrong.; download"),
    "folder.pth": (lambda path, state: path.mkdir(), "is a folder; give a file"),
    "nan.npz": (
        lambda path, state: np.savez(path, **{**state, "fc.bias": np.full(4, np.nan)}),
        r"1 tensors hold NaN or infinity \(fc.bias\)",
    ),
    "int8.npz": (  # quantised
        lambda path, state: np.savez(path, **{**state, "fc.bias": np.ones(4, np.int8)}),
        r"1 tensors hold int8, not floating-point numbers \(fc.bias\); use the checkpoint from bef",
    ),
    "words.npz": (
        lambda path, state: np.savez(path, **{**state, "fc.bias": np.array([*"abcd"])}),
        r"1 tensors hold <U1, not floating-point numbers \(fc.bias\)",
    ),
    "variance.npz": (
        lambda path, state: np.savez(
            path, **{n: -v if n.endswith("var") else v for n, v in state.items()}
        ),
        r"\d+ tensors hold variances below 0 \(.*running_var",
    ),
    "large.npz": (  # no float32
        lambda path, state: np.savez(path, **{**state, "fc.bias": np.full(4, 1e300)}),
        r"1 tensors hold NaN or infinity \(fc.bias\)",
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_are_named_with_the_cause(name, state, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make, message = BAD_FILES[name]
    if name.endswith(".pth"):
        pytest.importorskip("torch")
    if name.endswith(".safetensors"):
        pytest.importorskip("safetensors")
    make(tmp_path / name, state)
    with pytest.raises(InputError, match=message) as caught:
        convert(tmp_path / name, tmp_path / "out")
    assert name in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "pwned").exists() and not (tmp_path / "out").exists()


def test_of_a_folder_the_file_is_named(npz, tmp_path):
    with pytest.raises(InputError, match=r"is a folder; give the file, such as .*net\.npz"):
        convert(tmp_path, tmp_path / "out")
    convert(npz, tmp_path / "out")
    with pytest.raises(InputError, match=r"already: use it with --config\.model\.init_from"):
        convert(tmp_path / "out", tmp_path / "more")


def test_a_deeper_networks_weights_are_refused(tmp_path):
    np.savez(tmp_path / "deeper.npz", **random_state(model="ty_r3d_34"))
    with pytest.raises(InputError, match="this backbone does not have"):
        convert(tmp_path / "deeper.npz", tmp_path / "out")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--model=ty_r3d18"], "--model: no backbone 'ty_r3d18'; did you mean 'ty_r3d_18'"),
        (["--num_classes=0"], "--num_classes=0: give a positive number"),
        (["--width=1"], "not .*; are model, width"),
        (["--frames=8"], r"fc\.weight is .*number of frames"),
        (["--inflate"], "--inflate: --checkpoint=.* holds no kernels of images, .*; leave it out"),
        (["--normalisation=kinetic"], "kinetic is unknown; did you mean 'kinetics'"),
    ],
)
def test_wrong_flags_are_named(flags, message, npz, tmp_path):
    with pytest.raises(InputError, match=message):
        convert(npz, tmp_path / "out", *flags)


def test_without_torch_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "net.pth").touch()
    message = r"needs torch; install it with pip install 'vidkd_jax\[convert\]'"
    with pytest.raises(InputError, match=message):
        convert(tmp_path / "net.pth", tmp_path / "out")


def test_a_folder_with_weights_is_kept(npz, tmp_path):
    convert(npz, tmp_path / "out")
    with pytest.raises(InputError, match="already holds weights; delete the folder"):
        convert(npz, tmp_path / "out")


def test_a_folder_with_a_run_is_kept(npz, tmp_path):
    """A folder with both a run and weights would be ambiguous for teachers and for predict."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.json").write_text("{}")
    with pytest.raises(InputError, match="run: already holds a run"):
        convert(npz, tmp_path / "run")


@pytest.mark.parametrize(
    ("model", "prefix", "message"),
    [
        ("i3d_resnet50", "", "does not have mmaction2's names .*--model=i3d_resnet50_caffe2"),
        ("i3d_resnet50_caffe2", "backbone.", "weights of mmaction2, .*; use --model=i3d_resnet50$"),
    ],
)
def test_i3d_weights_with_another_first_pool_are_refused(model, prefix, message, tmp_path, capsys):
    named = random_state(model="i3d_resnet50", width=1 / 32, frames=8)
    renamed = {f"{prefix}{n}" if n[:2] != "fc" else n: value for n, value in named.items()}
    if prefix:
        renamed = {n.replace("fc.", "cls_head.fc_cls."): value for n, value in renamed.items()}
    np.savez(tmp_path / "i3d.npz", **renamed)
    flags = ["--width=0.03125", f"--checkpoint={tmp_path / 'i3d.npz'}", f"--out={tmp_path / 'out'}"]
    with pytest.raises(InputError, match=message):
        main([f"--model={model}", *flags])
    (right,) = {"i3d_resnet50", "i3d_resnet50_caffe2"} - {model}
    main([f"--model={right}", *flags])
    assert f"{right} is right for " in capsys.readouterr().out


@pytest.mark.parametrize("name", ["code.pth", "half.pth", "missing.pth"])
def test_bad_files_end_with_one_line_and_status_2(name, state, tmp_path):
    pytest.importorskip("torch")
    BAD_FILES[name][0](tmp_path / name, state)
    command = [sys.executable, "-m", "vidkd_jax.convert", *NARROW]
    command += [f"--checkpoint={tmp_path / name}", f"--out={tmp_path / 'out'}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


def test_every_normalisation_has_a_name():
    known = set(models.normalisation.NORMALISATIONS.values())
    assert {models.lookup(name).normalisation for name in models.available()} <= known


def test_weights_of_residual_frames(npz, tmp_path):
    convert(npz, tmp_path / "plain")
    assert weights.load_card(tmp_path / "plain").normalisation.residual == "none"
    convert(npz, tmp_path / "changes", "--residual=circular")
    usual = models.lookup(weights.load_card(tmp_path / "changes").model).normalisation
    found = weights.load_card(tmp_path / "changes").normalisation
    assert found == dataclasses.replace(usual, residual="circular")
    with pytest.raises(InputError, match=r"--residual=circular: shows changes, and a clip of --fr"):
        convert(npz, tmp_path / "one", "--residual=circular", "--frames=1")


def test_names_of_the_classes(npz, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("run\njump\nwave\nclap\n")
    convert(npz, tmp_path / "out", f"--class_names={names}")
    assert weights.load_card(tmp_path / "out").class_names == ("run", "jump", "wave", "clap")
    with pytest.raises(InputError, match=r"--class_names=.*: the classifier is new; leave it out"):
        convert(npz, tmp_path / "new", "--num_classes=2", f"--class_names={names}")
    names.write_text("run\njump\n")
    with pytest.raises(InputError, match=r"holds 2 names, the checkpoint's classifier has 4 cl"):
        convert(npz, tmp_path / "few", f"--class_names={names}")
