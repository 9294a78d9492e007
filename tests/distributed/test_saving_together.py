"""Two processes save both halves of an epoch at once, and one of them is late."""

import subprocess
import sys

import pytest
from test_devices import coordinator

SAVE = """
import sys, time
from pathlib import Path
import grain, jax, numpy as np
from vidkd_jax.networks.checkpoints import Checkpoints
from vidkd_jax.networks.network import Variables
from vidkd_jax.runtime import sharding

address, process, late, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
jax.distributed.initialize(address, 2, process)
mesh = sharding.create_mesh()
state = sharding.replicate(Variables({"kernel": np.arange(8.0)}, {}), mesh)
data = iter(grain.MapDataset.range(9).to_iter_dataset())

def write_slowly(event, seconds, **_):  # in the thread that writes, before it meets the others
    if event == "/jax/checkpoint/write/async/commit_duration_sec":
        time.sleep(0.5)

if process == late:
    jax.monitoring.register_event_duration_secs_listener(write_slowly)
with Checkpoints(folder) as checkpoints:
    for epoch in (1, 2):
        checkpoints.save_best(epoch, state)
        checkpoints.save_latest(epoch, state, data, {"best_epoch": epoch})
    checkpoints.load_best(2, state)
    assert checkpoints.latest_epoch() == 2
print("saved")
"""


@pytest.mark.parametrize("late", [0, 1])
def test_processes_that_are_not_in_step_save_both_halves(tmp_path, late):
    address = coordinator()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SAVE, address, str(number), str(late), str(tmp_path)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for number in (0, 1)
    ]  # fmt: skip
    try:
        for process in processes:
            out, errors = process.communicate(timeout=120)
            assert process.returncode == 0 and out.endswith("saved\n"), errors
    finally:
        for process in processes:
            process.kill()
