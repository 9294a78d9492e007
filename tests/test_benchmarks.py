"""The benchmarks run, on tiny networks. Their figures are not tested."""

import csv
import dataclasses
import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from small_networks import save_sampler

from benchmarks import averages_of_seeds
from vidkd_jax.errors import InputError
from vidkd_jax.tables import load_table
from vidkd_jax.tables.averages import averages

TINY = ("--width=0.03125", "--frames=4", "--size=16", "--batch=2", "--steps=1", "--warmup=1")
WHERE = {"benchmark", "command", "machine", "python", "jax"}
# Modules that `train_step`, `method_overhead` and `on_gpu` must not need, because they run on
# machines that have only jax, flax, optax, chex, numpy and torch.
ABSENT = (
    "av", "cv2", "grain", "imageio_ffmpeg", "matplotlib", "ml_collections", "simplejpeg",
    "tensorboardX", "tensorflow_datasets", "tqdm", "vidkd_jax.data", "vidkd_jax.video",
)  # fmt: skip

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="the other side is PyTorch"
)


def printed(program, *, flags=(), without=()):
    """Returns the output of a program with these flags; modules in `without` are missing."""
    start = (
        f"import sys; sys.modules.update(dict.fromkeys({without!r})); sys.argv[1:] = {flags!r}; "
    )
    done = subprocess.run(
        [sys.executable, "-c", start + program], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def lines(name, *flags, without=()):
    """Returns the lines that a benchmark prints."""
    program = f"from benchmarks import {name}; {name}.main()"
    return [
        json.loads(line) for line in printed(program, flags=flags, without=without).splitlines()
    ]


def test_method_overhead_needs_nothing_but_jax_and_flax():
    named = ("--methods", "mutual_learning")
    found = lines("method_overhead", *TINY, "--threads=1", *named, without=ABSENT)
    assert [line["method"] for line in found] == ["supervised", *named[1:]]
    assert all(WHERE | {"device"} <= set(line) for line in found)
    assert found[0]["ratio"] == 1 and all(line["cpu_ratio"] > 0 for line in found)


@pytest.mark.slow
def test_a_step_of_dtg_net_beside_its_parts():
    (found,) = lines("guidance_step", *TINY, "--threads=1", "--teachers=2", "--queue=8")
    assert found["teachers"] == 2 and found["ratio"] > 0 and found["cpu_ratio"] > 0
    assert WHERE | {"student_ms", "teachers_ms", "dtg_ms"} <= set(found)


def test_a_training_step_alone_needs_nothing_but_jax_and_flax():
    """The benchmark starts new processes, so this test runs what one of them runs."""
    program = (
        "import argparse; from benchmarks import train_step; "
        "args = argparse.Namespace(network='ty_r3d_18', width=1/32, frames=4, size=16, batch=2, "
        "threads=1, classes=3); "
        "step, facts, peak = train_step.jax_side(args); print(step(), facts['dtype'], peak())"
    )
    assert printed(program, without=ABSENT).split()[1:] == ["float32", "0"]


def test_freed_memory_is_kept_before_jax_has_threads():
    """If it were set later, JAX would be half as fast because of the C library."""
    program = (
        "from benchmarks import train_step; "
        "train_step.keep_freed_memory = lambda: print('jax' in sys.modules); "
        "train_step.jax_device()"
    )
    assert printed(program) == "False\n"


def test_a_training_step_can_be_measured_without_pytorch():
    (line,) = lines("train_step", *TINY, "--threads=1", "--sides", "jax")
    assert {"jax_ms", "jax_mfu", "jax_peak_mib", "compile_s"} <= set(line)
    assert line["device"] == "cpu" and "ratio" not in line


@needs_torch
def test_a_training_step_against_pytorch():
    (line,) = lines("train_step", *TINY, "--threads=1")
    assert WHERE | {"torch", "ratio", "cpu_ratio", "ratio_kept", "torch_peak_mib"} <= set(line)
    assert line["ratio"] == pytest.approx(line["jax_ms"] / line["torch_ms"], rel=0.1)


@needs_torch
@pytest.mark.slow
def test_a_training_step_of_x3d_against_pytorch():
    (line,) = lines("train_step", *TINY, "--threads=1", "--network=x3d_s")
    assert line["ratio"] == pytest.approx(line["jax_ms"] / line["torch_ms"], rel=0.1)


@needs_torch
def test_convolutions_against_pytorch():
    found = lines("conv", *TINY, "--threads=1")
    assert all(WHERE | {"name", "forward_ratio", "step_ratio"} <= set(line) for line in found)


def test_frozen_norms():
    (line,) = lines("frozen_batch_norm", *TINY, "--threads=1")
    assert WHERE | {"folded_ratio", "without_ratio"} <= set(line)


@pytest.mark.slow
def test_startup():
    cold, warm = lines("startup", *TINY, "--threads=1")
    assert (cold["cache"], warm["cache"]) == ("cold", "warm")
    assert WHERE | {"import_s", "compile_s", "total_s"} <= set(cold)


def test_input_pipeline(square_records):
    (line,) = lines(
        "input_pipeline",
        f"--data={square_records / 'ucf101/split1/1.0.0'}",
        "--frames=4",
        "--size=24",
        "--batch=4",
        "--threads=1",
        "--seconds=0.1",
        "--rounds=1",
        "--no_torch",
    )
    assert WHERE | {"pipeline_of_limit", "read_over_decoding"} <= set(line)


@needs_torch
def test_prediction_of_videos_against_pytorch():
    flags = (
        "--threads=1",
        "--sampler_width=0.03125",
        "--videos=2",
        "--many=3",
        "--k=2",
        "--minutes=0.02",
    )
    memory, compared, compiled = lines("predict_videos", *TINY, *flags, "--rounds=1")
    assert WHERE - {"benchmark"} | {"minute_peak_mib", "long_peak_mib"} <= set(memory)
    assert {"dense_over_torch", "chosen_over_torch_cpu", "network_chosen_of_dense"} <= set(compared)
    assert compiled["compilations"] == 0 < compiled["compilations_before"]


def on_gpu(tmp_path, *flags, without=()):
    """Returns the lines that `on_gpu.sh` prints in a dry run, and what it says beside them."""
    # Its processes are new ones; Python reads this file in each of them.
    absent = f"import sys; sys.modules.update(dict.fromkeys({without!r}))"
    (tmp_path / "sitecustomize.py").write_text(absent)
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        ["bash", "benchmarks/on_gpu.sh", str(tmp_path / "out"), "--dry_run", *flags],
        env={**os.environ, "PYTHON": sys.executable, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/on_gpu_dry_run.jsonl").read_text() == done.stdout
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_on_gpu_measures_what_it_can_where_modules_are_missing(tmp_path):
    named = ["r3d_18_teaching_yourself_64", "r3d_18_forward_64"]
    found, said = on_gpu(tmp_path, "--only", *named, without=(*ABSENT, "torch"))
    assert "missing: torch" in said
    machine, *found = found
    assert {"card", "driver", "machine", "python", "jax", "jaxlib", "flax"} <= set(machine)
    assert [line["measurement"] for line in found] == [
        name for name in ("matmul", *named) for _ in ("jax", "torch")
    ]
    for ours, theirs in zip(found[::2], found[1::2], strict=True):
        assert (ours["side"], theirs["side"]) == ("jax", "torch")
        assert {"card", "jax", "jaxlib", "device"} <= set(ours)
        assert "torch" in theirs["error"] and "ms" not in theirs
    for line in found[2::2]:
        expected = {"ms", "windows_ms", "compile_s", "device_peak_mib", "tflop_per_s", "batch"}
        assert expected <= set(line), line
        assert line["clips_per_s"] == pytest.approx(1e3 * line["batch"] / line["ms"], rel=0.01)
        assert line["matmul_share"] == pytest.approx(
            line["tflop_per_s"] / found[0]["matmul_tflop_per_s"], rel=0.1
        )


@pytest.mark.parametrize(
    ("flag", "field", "said"),
    [
        ("--deadline=0", "left_out", "deadline of 0 s has passed"),
        ("--limit=0.01", "error", "took longer"),
    ],
)
def test_on_gpu_goes_on_where_time_runs_out(tmp_path, flag, field, said):
    found, _ = on_gpu(tmp_path, flag, "--only", "r3d_18_profile_64")
    assert len(found) == 4
    assert all(said in line[field] and "ms" not in line for line in found[1:])


def test_on_gpu_says_what_a_crash_left():
    from benchmarks.on_gpu_process import Process

    program = (
        "import os, sys; sys.stdin.readline(); print('last words', file=sys.stderr); os.abort()"
    )
    process = Process([sys.executable, "-c", program], os.environ, cwd=pathlib.Path())
    assert process.result(60) == {"error": "ended with -6: last words"}
    process.end()  # once more is no error


@pytest.mark.slow
@needs_torch
def test_on_gpu_measures_all(tmp_path):
    found, _ = on_gpu(tmp_path, "--deadline=1800", "--limit=600")
    assert not [line for line in found if "error" in line or "left_out" in line]
    names = {line["measurement"] for line in found if line.get("side") == "ratio"}
    assert names == {
        "r3d_18_supervised_64",
        "r3d_18_teaching_yourself_64",
        "r3d_18_forward_64",
        "r2plus1d_18_supervised_64",
    }
    alone = {line["measurement"] for line in found if "ms" in line} - {"r3d_18_profile_64"} - names
    assert alone >= {"r3d_18_augmented_64", "r3d_18_channels_last_64"}
    (profile,) = (line for line in found if line["measurement"] == "r3d_18_profile_64")
    assert len(profile["slowest"]) == 5 and all(line["layer"] for line in profile["slowest"])


# Of two steps: two streams of a GPU, a convolution of two kernels, a copy that has no name.
GPU_TRACE = """
planes { name: "/host:CPU" lines { name: "host" events { metadata_id: 1 duration_ps: 9000000000 } }
         event_metadata { key: 1 value { id: 1 name: "host" } } }
planes {
  name: "/device:GPU:0"
  lines { name: "Stream #7(Compute)"
    events { metadata_id: 1 duration_ps: 6000000000 stats { metadata_id: 1 str_value: "conv.12" } }
    events { metadata_id: 2 duration_ps: 2000000000 stats { metadata_id: 1 str_value: "conv.12" } }
    events { metadata_id: 2 duration_ps: 1000000000
             stats { metadata_id: 1 str_value: "while.1/conv.3" } } }
  lines { name: "Stream #8(MemcpyD2D)" events { metadata_id: 3 duration_ps: 1000000000 } }
  event_metadata { key: 1 value { id: 1 name: "wgrad_kernel" } }
  event_metadata { key: 2 value { id: 2 name: "transpose_kernel" } }
  event_metadata { key: 3 value { id: 3 name: "MemcpyD2D" } }
  stat_metadata { key: 1 value { id: 1 name: "hlo_op" } }
}
"""
GPU_PROGRAM = """
  %fusion.12 = f32[9]{0} fusion(%conv.12), metadata={op_name="no"}
  %conv.12 = (bf16[3,3,3,64,64]{0}, u8[8]{0}) custom-call(%a), metadata={op_name="step/conv"}
"""


def test_a_gpus_profile_names_operations_and_layers(tmp_path):
    from jax.profiler import ProfileData

    from benchmarks import on_gpu_profile

    trace = ProfileData.text_proto_to_serialized_xspace(GPU_TRACE)
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/host.xplane.pb").write_bytes(trace)
    found = on_gpu_profile.summary(on_gpu_profile.read(str(tmp_path)), GPU_PROGRAM, steps=2)
    assert found["device_ms"] == 5
    assert found["slowest"][0] == {
        "operation": "conv.12",
        "ms": 4,
        "share": 0.8,
        "kernel": "wgrad_kernel",
        "gives": "bf16[3,3,3,64,64]",
        "layer": "step/conv",
    }
    assert {line["operation"] for line in found["slowest"][1:]} == {"conv.3", "MemcpyD2D"}
    assert found["kinds"] == {"conv": 0.9, "MemcpyD2D": 0.1}


def test_consistency_of_a_clips_answers():
    from benchmarks.consistency import terms

    sure = np.log([0.9, 0.1])
    logits = np.array([[sure, sure, sure], [sure, sure, sure[::-1]]])
    found = terms(logits, np.array([0, 1]))
    np.testing.assert_allclose(found["same_answer"], [1, 1 / 3])
    np.testing.assert_allclose(found["clip_top1"], [1, 1 / 3])
    # Of the second clip the mean is (19/30, 11/30).
    near, far = (
        0.9 * np.log(0.9 * 30 / most) + 0.1 * np.log(0.1 * 30 / least)
        for most, least in ((19, 11), (11, 19))
    )
    np.testing.assert_allclose(found["divergence"], [0, (2 * near + far) / 3], atol=1e-12)


def test_precision_and_recall_of_chosen_clips(tmp_path):
    from benchmarks.chosen_clips import judged
    from benchmarks.sidecars import acting
    from vidkd_jax.errors import InputError
    from vidkd_jax.inference.scores import Scores

    scores = Scores(
        teacher=np.zeros((5, 2), np.float32),
        labels=np.array([0, 1]),
        videos=np.array([0, 0, 0, 1, 1]),
        names=np.array(["a/one.avi", "b/two.mp4"]),
        groups=np.array(["g0", "g1"]),
        spans=np.array([(0, 4), (4, 8), (8, 12), (0, 4), (4, 8)]),
        average="softmax",
    )
    (tmp_path / "one.json").write_text(
        json.dumps({"class": "Wave", "active": [0] * 2 + [1] * 3 + [0] * 7})
    )
    with pytest.raises(InputError, match=r"has no 'two\.json'"):
        acting(scores, tmp_path)
    (tmp_path / "two.json").write_text(json.dumps({"class": "Jump", "active": [1] * 8}))
    shows = acting(scores, tmp_path)
    assert shows.tolist() == [True, False, False, True, True]
    chosen = np.array([[1, 0, 1, 1, 0], [1, 1, 0, 0, 1]], bool)
    result = judged(scores, chosen, shows)
    assert result.groups == ("g0", "g1")
    precision, recall = result.sums["precision"], result.sums["recall"]
    np.testing.assert_allclose(precision.terms / precision.count, [1 / 2, 1])
    np.testing.assert_allclose(recall.terms / recall.count, [1, 1 / 2])


@pytest.fixture(scope="module")
def sampler(video_run, tmp_path_factory):
    """The folder of a network that has a classifier and a confidence head."""
    return save_sampler(tmp_path_factory.mktemp("sampler"), video_run)


def test_the_whole_time_of_rows_that_choose_clips(
    video_run, sampler, square_videos, monkeypatch, capsys
):
    """Each row is answered as the table answers it; times are of the test videos' files."""
    from types import SimpleNamespace

    from benchmarks import setting, whole_time
    from vidkd_jax.run.saved import saved_settings
    from vidkd_jax.tables import Row, Selection, Table

    selections = {
        "all": Selection("dense"),
        "two": Selection("confidence", 2),
        "sure": Selection("confidence", 2, stop_at=0.01),
        "oracle": Selection("oracle"),
        "not run": Selection("dense"),
    }
    rows = tuple(Row(name, "ty_r18", selection=each) for name, each in selections.items())
    table = Table("t", rows, "all", {"marionette": {"": "ucf101"}})
    names = np.array([f"{c}/v_{c}_g{g:02d}_c01.avi" for c in ("Left", "Right") for g in (1, 2)])
    settings = saved_settings(video_run)

    def decided(row, shown):
        return SimpleNamespace(scores=SimpleNamespace(names=names)), settings, row.selection

    monkeypatch.setattr(setting, "use_cores", lambda threads: None)
    monkeypatch.setattr(whole_time, "load_table", lambda name: table)
    monkeypatch.setattr(
        whole_time, "finished_arms", lambda row, *_: [] if row.name == "not run" else [row]
    )
    monkeypatch.setattr(whole_time, "decided", decided)
    monkeypatch.setattr(
        whole_time,
        "networks",
        lambda row: (video_run, None if row.name == "all" else sampler),
    )
    whole_time.main(["--out=runs", f"--videos={square_videos}/videos", "--number=3", "--rounds=1"])
    printed = capsys.readouterr()
    found = {line["row"]: line for line in map(json.loads, printed.out.splitlines())}
    assert [*found] == ["all", "two", "sure"] and "not finished: not run" in printed.err
    assert [line["clips"] for line in found.values()] == [3, 2, 1]
    for line in found.values():
        assert line["videos"] == line["clips_there"] == 3
        for key in ("video", "video_cpu", "network", "network_cpu"):
            assert line[f"{key}_share"] == pytest.approx(
                line[f"{key}_ms"] / found["all"][f"{key}_ms"], rel=0.01, abs=1e-3
            )
    assert found["sure"]["network_ms"] < found["two"]["network_ms"]


def test_the_files_of_some_videos(square_videos):
    from benchmarks.table_rows import some_files
    from vidkd_jax.errors import InputError

    names = [f"x/v_Left_g{group:02d}_c01.avi" for group in range(1, 8)]
    found = [pathlib.Path(each.name).name for each in some_files(names, square_videos, 3)]
    assert found == [f"v_Left_g{group:02d}_c01.mp4" for group in (1, 4, 7)]
    assert len(some_files(names, square_videos, 99)) == 7
    with pytest.raises(InputError, match="has no video 'gone'"):
        some_files(["gone.mp4"], square_videos, 1)


def test_a_timeline_against_the_truth():
    """Five clips of 4 frames: wave, wave, jump, wave, jump; the figure waves in frames 6 to 13."""
    from benchmarks import timelines
    from benchmarks.sidecars import Truth
    from vidkd_jax.inference.aggregation import Answers
    from vidkd_jax.inference.answers import VideoAnswer
    from vidkd_jax.inference.sources import Source

    waves = np.array([0.9, 0.8, 0.3, 0.6, 0.25])
    answer = VideoAnswer(
        Source("a.mp4"),
        np.array([0.7, 0.3]),
        num_clips=5,
        num_frames=21,
        fps=25.0,
        spans={clip: (4 * clip, 4 * clip + 4) for clip in range(5)},
        chosen=np.array([0]),
        seen=1,
        teacher=Answers(np.array([0]), np.log([[0.9, 0.1]])),
        student=Answers(np.zeros(0, int), np.zeros((0, 1), np.float32)),
        sampler=np.log(np.stack([waves, 1 - waves], axis=1)),
        confidence=np.array([0.2, 0.9, 0.6, 0.4, 0.1]),
    )
    active = np.zeros(21, bool)
    active[6:14] = True
    truth = Truth("wave", active)
    found = timelines.counts(answer, ("wave", "jump"), truth)
    assert found == {
        "precision": (12, 4),  # frames 0 to 7 and 12 to 15
        "recall": (8, 4),
        "right_class": (8, 4),
        "action": (21, 8),
        "confident_precision": (8, 6),  # frames 4 to 11
        "confident_recall": (8, 6),
    }
    other = timelines.counts(answer, ("wave", "jump"), Truth("jump", active))
    assert other["right_class"] == (8, 4) and other["recall"] == (8, 4)
    # Clips 1, 2 and 3 show the action; of six pairs with clips 0 and 4 these are in order:
    assert timelines.aurocs([answer], [truth]) == {
        "confidence_auroc": 6 / 6,
        "probability_auroc": 1 / 6,  # 0.8, 0.7 and 0.6 against 0.9 and 0.75
    }
    two = timelines.judged([answer] * 2, ("wave", "jump"), [truth] * 2, ["g0", "g1"])
    assert two["precision"] == pytest.approx([1 / 3] * 3, abs=1e-4)
    alone = dataclasses.replace(answer, confidence=None)
    assert "confident_recall" not in timelines.counts(alone, ("wave", "jump"), truth)
    assert [*timelines.aurocs([alone], [truth])] == ["probability_auroc"]


def test_timelines_of_test_videos(video_run, sampler, square_videos, tmp_path, capsys):
    from benchmarks import timelines

    for file in (square_videos / "videos").rglob("*.mp4"):
        saved = {"class": file.parent.name, "active": [0] * 8 + [1] * 16}
        (tmp_path / f"{file.stem}.json").write_text(json.dumps(saved))
    timelines.main(
        [
            *(f"--run={sampler}", f"--teacher={video_run}", f"--videos={square_videos}/videos"),
            *(f"--sidecars={tmp_path}", "--number=3", "--k=1"),
        ]
    )
    chosen, dense = map(json.loads, capsys.readouterr().out.splitlines())
    assert chosen["videos"] == dense["videos"] == 3 and (chosen["k"], dense["k"]) == (1, None)
    assert chosen["action"] == dense["action"] == pytest.approx([2 / 3] * 3, abs=1e-4)
    assert 0 <= chosen["confidence_auroc"] <= 1 and "confidence_auroc" not in dense


RESULTS = pathlib.Path(__file__).parents[1] / "docs/results"


@pytest.mark.parametrize(
    "table",
    ["pclkd_table4", "pclkd_table5", "pclkd_table6", "pclkd_table7", "pclkd_beside_teachers"],
)
def test_averages_of_seeds_are_those_of_the_runs(table):
    figures = averages_of_seeds.read([RESULTS / f"{table}_seeds.csv"], "marionette_long")
    column = averages_of_seeds.column_of(
        load_table(table).at("marionette"), "marionette_long", figures
    )
    with (RESULTS / f"{table}_averages.csv").open() as file:
        wanted = {(line["on_average"], line["metric"]): line for line in csv.DictReader(file)}
    found = averages(column)
    assert {(each.name, each.metric.name) for each in found} == wanted.keys()
    for each in found:
        line, ours = wanted[each.name, each.metric.name], each.difference
        theirs = [float(line[name]) for name in ("difference", "low", "high", "std")]
        assert theirs == pytest.approx([ours.mean, ours.low, ours.high, ours.std])


def test_averages_of_seeds_of_two_files_and_what_is_refused(tmp_path, monkeypatch, capsys):
    lines = (RESULTS / "pclkd_table5_seeds.csv").read_text().splitlines(keepends=True)
    parts = {"0": [lines[0]], "other": [lines[0]]}
    for line in lines[1:]:
        parts["0" if line.rstrip().endswith(",0") else "other"].append(line)
    for name, part in parts.items():
        (tmp_path / name).write_text("".join(part))
    both = [str(tmp_path / name) for name in parts]

    def said(*files):
        monkeypatch.setattr(sys, "argv", ["averages_of_seeds", "--table=pclkd_table5", *files])
        averages_of_seeds.main()
        return capsys.readouterr().out

    assert said(*both) == said(str(RESULTS / "pclkd_table5_seeds.csv"))
    assert "| with a teacher | 6 | pretext, late | +2.8 [+0.9, +4.8] |" in said(*both)
    with pytest.raises(InputError, match=r"0': row 'R3D taught by C3D' has seed 0 twice"):
        said(*both, both[0])
    with pytest.raises(
        InputError, match=r"no row of 'PCL\+KD 2024 Table 5.*' on 'marionette_long' "
    ):
        said(str(RESULTS / "ty_table3_seeds.csv"))
    (tmp_path / "no").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"no': not a table's seeds\.csv"):
        said(str(tmp_path / "no"))
    with pytest.raises(InputError, match=r"nowhere': not a table's seeds\.csv"):
        said(str(tmp_path / "nowhere"))
