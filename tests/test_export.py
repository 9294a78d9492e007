"""A network in a file, which a program without vidkd_jax runs."""

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_networks import save_sampler

from vidkd_jax import export, samplers
from vidkd_jax.errors import InputError, RunError
from vidkd_jax.evaluation.predictions import softmax
from vidkd_jax.inference import pair
from vidkd_jax.inference.loaded import load

pytest.importorskip("flatbuffers")


def clips_of(folder: Path, count: int) -> np.ndarray:
    shape = json.loads((folder / "network.json").read_text())["clip"]
    return np.random.default_rng(1).integers(0, 256, (count, *shape), np.uint8)


def logits_of(run: Path, clips: np.ndarray) -> np.ndarray:
    """Returns what `predict` asks the network."""
    asked = pair.pair(load("--run", run), None).teacher
    rows = np.zeros(len(clips), np.int32)
    batch = {
        "clip": clips.reshape(len(clips), -1, *clips.shape[-4:]),
        "label": rows,
        "video": rows,
        "mask": rows == 0,
    }
    return np.asarray(asked.step(asked.variables, batch)["logits"])


def test_the_printed_program_answers_as_the_run_does(video_run, tmp_path, capsys):
    out = tmp_path / "my network"
    export.main([f"--run={video_run}", f"--out={out}"])
    printed = capsys.readouterr().out
    clips = clips_of(out, 3)
    np.save(tmp_path / "clips.npy", clips)
    program = (
        f"import sys; import numpy as np; clips = np.load({str(tmp_path / 'clips.npy')!r})\n"
        + printed.partition("in your program:\n")[2]
        + f"\nnp.save({str(tmp_path / 'found.npy')!r}, probabilities); print(classes)"
        + "\nassert not any(name.startswith('vidkd') for name in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.strip() == "['Left', 'Right']"
    found = np.load(tmp_path / "found.npy")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, softmax(logits_of(video_run, clips)), atol=1e-5)
    assert np.ptp(found[:, 0]) > 1e-6  # clips have different answers


def test_what_a_program_must_know_is_written_beside_it(video_run, tmp_path):
    export.main([f"--run={video_run}", f"--out={tmp_path}", "--platforms=cpu"])
    found = json.loads((tmp_path / "network.json").read_text())
    config = json.loads((video_run / "config.json").read_text())
    data = config["data"]
    frames, crop = data["frames"], data["crop"]
    assert found["clip"] == [frames, crop, crop, 3]
    assert found["frames"] == {"kind": "Contiguous", "frames": frames, "stride": data["stride"]}
    assert (found["short_side"], found["crop"]) == (data["short_side"], crop)
    assert found["average"] == config["eval"]["average"]
    assert (found["temperature"], found["platforms"]) == (1.0, ["cpu"])
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".tmp"] == []


def test_calibrated_probabilities_have_the_clips_temperature(video_run, tmp_path):
    from jax import export as jax_export

    run = shutil.copytree(video_run, tmp_path / "run")
    summary = json.loads((run / "summary.json").read_text())
    temperatures = {"video_temperature": 4.0, "clip_temperature": 2.0}
    (run / "summary.json").write_text(json.dumps(summary | temperatures))
    export.main([f"--run={run}", f"--out={tmp_path / 'out'}", "--calibrated"])
    network = jax_export.deserialize((tmp_path / "out" / export.NETWORK).read_bytes())
    clips = clips_of(tmp_path / "out", 1)
    np.testing.assert_allclose(network.call(clips), softmax(logits_of(run, clips) / 2), atol=1e-5)


def test_a_network_of_several_clips_gives_their_mean(video_run, tmp_path):
    from jax import export as jax_export

    tuples = samplers.as_json(samplers.Tuples(4, 2, 3, 2))
    run = save_sampler(tmp_path / "run", video_run, confidence=False, sampler=tuples)
    export.main([f"--run={run}", f"--out={tmp_path / 'out'}", "--platforms=cpu"])
    network = jax_export.deserialize((tmp_path / "out" / export.NETWORK).read_bytes())
    clips = clips_of(tmp_path / "out", 2)
    assert clips.shape[:3] == (2, 3, 4)
    each = logits_of(run, clips)
    assert each.shape == (2, 3, 2)
    np.testing.assert_allclose(network.call(clips), softmax(each).mean(axis=1), atol=1e-5)


@pytest.mark.parametrize(("seen", "shape"), [((2,), (4,)), ((2, 0), (2, 4))])
def test_a_network_that_sees_some_clips_of_several_is_given_no_others(
    seen, shape, video_run, tmp_path
):
    from jax import export as jax_export

    tuples = samplers.as_json(samplers.Tuples(4, 2, 3, 2))
    run = save_sampler(
        tmp_path / "run", video_run, confidence=False, sampler=tuples, clips=list(seen)
    )
    export.main([f"--run={run}", f"--out={tmp_path / 'out'}", "--platforms=cpu"])
    said = json.loads((tmp_path / "out" / "network.json").read_text())
    assert said["clip"][:-3] == [*shape] and said["clips"] == [*seen]
    network = jax_export.deserialize((tmp_path / "out" / export.NETWORK).read_bytes())
    pixels = np.random.default_rng(1).integers(0, 256, (2, 3, 4, *said["clip"][-3:]), np.uint8)
    each = logits_of(run, pixels).reshape(2, -1, 2)
    found = network.call(pixels[:, list(seen)].reshape(2, *said["clip"]))
    np.testing.assert_allclose(found, softmax(each).mean(axis=1), atol=1e-5)


def test_a_file_for_another_machine_is_checked_here(video_run, tmp_path):
    from jax import export as jax_export

    export.main([f"--run={video_run}", f"--out={tmp_path}", "--platforms=rocm,rocm"])
    network = jax_export.deserialize((tmp_path / export.NETWORK).read_bytes())
    assert network.platforms == ("rocm",)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--platforms=gpu"], r"--platforms=gpu: give some of cpu,cuda,rocm,tpu"),
        (["--platforms="], r"--platforms=: give some of"),
        (["--run=nothing"], "'nothing' is no folder"),
        (["--out=taken"], r"--out=taken: cannot be written \(File exists\); choose another"),
    ],
)
def test_wrong_input(flags, message, video_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("taken").write_text("")
    with pytest.raises(InputError, match=message):
        export.main([f"--run={video_run}", "--out=out", *flags])
    assert not Path("out").exists() or not any(Path("out").iterdir())


def test_a_missing_package_is_named(video_run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "flatbuffers", None)
    for name in [name for name in sys.modules if name.startswith("jax._src.export.ser")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(InputError, match=r"package flatbuffers; install it with pip install"):
        export.main([f"--run={video_run}", f"--out={tmp_path / 'out'}"])


def test_a_file_that_answers_otherwise_is_not_written(video_run, tmp_path, monkeypatch):
    loaded = load("--run", video_run)
    other = pair.pair(dataclasses.replace(loaded, temperature=3.0), None)
    data = export.serialised(other, ("cpu",))
    monkeypatch.setattr(export, "serialised", lambda *_: data)
    with pytest.raises(RunError, match=r"probabilities differ by .*; it was not written"):
        export.main([f"--run={video_run}", f"--out={tmp_path}"])
    assert not any(tmp_path.iterdir())


def test_a_run_in_bfloat16_is_exported(video_run, tmp_path):
    """Two programs of one network may round otherwise."""
    run = shutil.copytree(video_run, tmp_path / "run")
    config = json.loads((run / "config.json").read_text())
    config["model"]["dtype"] = "bfloat16"
    (run / "config.json").write_text(json.dumps(config))
    export.main([f"--run={run}", f"--out={tmp_path / 'out'}", "--platforms=cpu"])
    assert (tmp_path / "out" / export.NETWORK).exists()
