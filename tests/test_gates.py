"""The benchmark that checks Marionette's gates: its output and its exit status."""

import json

import numpy as np
import pytest

from benchmarks import marionette_gates as gates
from vidkd_jax.errors import InputError, RunError
from vidkd_jax.tables import load_table
from vidkd_jax.tables.arms import arms


@pytest.fixture
def finish(tmp_path):
    """Writes a finished run of the first row that recognises `right` of 4 videos per class."""

    def make(right):
        (arm,) = arms(load_table("marionette_gates").rows[0], "marionette", 1, tmp_path)
        folder = arm.folder
        folder.mkdir(parents=True)
        labels = np.repeat(np.arange(14), 4)
        wrong = np.tile(np.arange(4) >= right, 14)
        logits = 5.0 * np.eye(14)[np.where(wrong, labels ^ 1, labels)]  # the pair's other class
        names = [f"v{i}" for i in range(56)]
        np.savez(
            folder / "predictions.npz", logits=logits, labels=labels, videos=names, groups=names
        )
        (folder / "summary.json").write_text("{}")
        how = {"eval": {"average": "softmax", "calibration_bins": 15}}
        (folder / "config.json").write_text(json.dumps(how))
        return tmp_path

    return make


def test_gates_that_are_passed(finish, capsys):
    gates.main([f"--out={finish(right=3)}"])
    captured = capsys.readouterr()
    judged = [json.loads(line) for line in captured.out.splitlines()]
    assert [(gate["measured"], gate["passed"]) for gate in judged] == [
        (0.75, True),
        ([0.75] * 7, True),
    ]
    assert "not finished: background only" in captured.err


def test_a_missed_gate_is_an_exit_status(finish):
    with pytest.raises(RunError, match="missed: each pair at least 75 % with 8 frames"):
        gates.main([f"--out={finish(right=2)}"])


def test_nothing_to_judge_is_wrong_input(tmp_path):
    with pytest.raises(InputError, match="the row '8 frames' is not finished; run"):
        gates.main([f"--out={tmp_path}"])
