"""The same run on one device, on four, and on two processes with two devices each."""

import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
from squares import SMALL_RUN

from vidkd_jax.lock import only_one
from vidkd_jax.tracking import read_records
from vidkd_jax.workdir import lock_of

LAUNCH = """
import sys, jax
if len(sys.argv) > 4:
    jax.distributed.initialize(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
import json
from pathlib import Path
from vidkd_jax.config import get_base_config, set_field
from vidkd_jax.train import train_and_evaluate
if __name__ == "__main__":
    workdir, fields = Path(sys.argv[1]), json.loads(sys.stdin.read())
    config = get_base_config()
    for field, value in fields.items():
        set_field(config, field, value)
    train_and_evaluate(config, workdir)
"""


def launch(workdir, fields, *cluster, devices):
    environment = {**os.environ, "JAX_NUM_CPU_DEVICES": str(devices)}
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCH, str(workdir), *map(str, cluster)],
        stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    process.stdin.write(json.dumps(fields))
    process.stdin.close()
    return process


def finish(*processes):
    for process in processes:
        with process:
            errors = process.stderr.read()
            assert process.wait(timeout=300) == 0, errors


def fail(*processes):
    """Returns what each said when it gave up."""
    said = []
    for process in processes:
        with process:
            said.append(process.stderr.read())
            assert process.wait(timeout=120) != 0
    return said


@pytest.fixture(scope="module")
def fields(square_records):
    # Without augmentation: which process reads which row of a batch differs, and with it the draws.
    return {
        **SMALL_RUN,
        "method.name": "teaching_yourself",
        "data.root": str(square_records),
        "augment.enabled": False,
        "train.epochs": 2,
    }


def results(workdir):
    records = read_records(workdir / "metrics.jsonl")
    with np.load(workdir / "predictions.npz") as arrays:
        return [r["loss"] for r in records if r["split"] == "train"], dict(arrays)


@pytest.fixture
def coordinator():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def test_devices_and_processes_do_not_change_a_run(fields, coordinator, tmp_path):
    finish(launch(tmp_path / "one", fields, devices=1))
    finish(launch(tmp_path / "four", fields, devices=4))
    finish(*(launch(tmp_path / "two", fields, coordinator, 2, i, devices=2) for i in range(2)))
    losses, arrays = results(tmp_path / "one")
    for other in ("four", "two"):
        other_losses, other_arrays = results(tmp_path / other)
        np.testing.assert_allclose(other_losses, losses, rtol=1e-3)
        assert other_arrays["labels"].shape == arrays["labels"].shape  # every clip, once
        assert sorted(other_arrays["videos"]) == sorted(arrays["videos"])
        order, other_order = (
            np.lexsort((a["logits"][:, 0], a["videos"])) for a in (arrays, other_arrays)
        )
        np.testing.assert_allclose(
            other_arrays["logits"][other_order], arrays["logits"][order], atol=5e-3
        )


def test_what_one_process_finds_wrong_stops_all(fields, coordinator, tmp_path):
    with only_one(lock_of(tmp_path)):
        pair = (launch(tmp_path, fields, coordinator, 2, i, devices=1) for i in range(2))
        assert all("another run is writing there" in said for said in fail(*pair))


def test_processes_that_see_other_videos_stop(fields, coordinator, tmp_path):
    fewer = {**fields, "data.fraction": 0.5}
    pair = (
        launch(tmp_path, each, coordinator, 2, i, devices=1)
        for i, each in enumerate((fields, fewer))
    )
    assert all("the videos differ between the processes" in said for said in fail(*pair))
