"""The benchmarks run, on tiny networks. Their figures are not tested."""

import importlib.util
import json
import subprocess
import sys

import pytest

TINY = ("--width=0.03125", "--frames=4", "--size=16", "--batch=2", "--steps=1", "--warmup=1")
WHERE = {"benchmark", "command", "machine", "python", "jax"}
# Modules that `train_step` and `method_overhead` must not need, because they run on machines that
# have only jax, flax, optax, chex, numpy and torch.
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
    named = ("--methods", "teaching_yourself", "mutual_learning")
    found = lines("method_overhead", *TINY, "--threads=1", *named, without=ABSENT)
    assert [line["method"] for line in found] == ["supervised", *named[1:]]
    assert all(WHERE | {"device"} <= set(line) for line in found)
    assert found[0]["ratio"] == 1 and all(line["cpu_ratio"] > 0 for line in found)


def test_a_training_step_alone_needs_nothing_but_jax_and_flax():
    """The benchmark starts new processes, so this test runs what one of them runs."""
    program = (
        "import argparse; from benchmarks import train_step; "
        "args = argparse.Namespace(width=1/32, frames=4, size=16, batch=2, threads=1, classes=3); "
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
def test_convolutions_against_pytorch():
    found = lines("conv", *TINY, "--threads=1")
    assert all(WHERE | {"name", "forward_ratio", "step_ratio"} <= set(line) for line in found)


def test_frozen_norms():
    (line,) = lines("frozen_batch_norm", *TINY, "--threads=1")
    assert WHERE | {"folded_ratio", "without_ratio"} <= set(line)


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
