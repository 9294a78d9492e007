"""The command from its flags to its table, over finished runs; the runs themselves are main's."""

import csv
import json
import sys

import numpy as np
import pytest

from vidkd_jax.errors import InputError, RunError
from vidkd_jax.tables import __main__ as tables
from vidkd_jax.tables import load_table, runner
from vidkd_jax.tables.table import available


def finish(folder, accuracy, seed):
    """Leaves what a finished run leaves, with about `accuracy` of the videos right."""
    rng = np.random.default_rng(seed)
    right = rng.random(60) < accuracy
    folder.mkdir(parents=True)
    logits = np.where(right[:, None], [[2.0, 0.0]], [[0.0, 2.0]]).astype(np.float32)
    names = [f"v{i}" for i in range(60)]
    groups = [f"g{i % 6}" for i in range(60)]
    np.savez(
        folder / "predictions.npz",
        logits=logits,
        labels=np.zeros(60, int),
        videos=names,
        groups=groups,
    )
    (folder / "summary.json").write_text(json.dumps({"train_seconds": 120.0}))
    (folder / "config.json").write_text(json.dumps({"eval": {"average": "softmax"}}))
    return right.mean()


@pytest.fixture
def finished(tmp_path):
    table = load_table("ty_table3")
    accuracies = {}
    for number, row in enumerate(table.rows):
        accuracies[row.name] = [
            finish(runner.run_folder(tmp_path, row, seed), 0.4 + 0.1 * number, 10 * number + seed)
            for seed in range(2)
        ]
    return tmp_path, accuracies


def test_finished_runs_make_the_table(finished, capsys, monkeypatch):
    out, accuracies = finished
    monkeypatch.setattr(runner, "command", lambda *_: [sys.executable, "-c", ""])
    tables.main(["--table=ty_table3", f"--out={out}", "--seeds=2", "--jobs=2"])
    text = (out / "table.md").read_text()
    assert text.strip() in capsys.readouterr().out
    for name, values in accuracies.items():
        (line,) = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
        assert f"{100 * np.mean(values):.1f} [" in line and "| 2.0 |" in line
    assert "| 46.5 |" in text  # the paper's baseline
    with (out / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * len(accuracies)


def test_dry_run_prints_every_command_and_runs_none(tmp_path, capsys):
    tables.main(
        [
            "--table=ty_table3",
            f"--out={tmp_path}",
            "--seeds=2",
            "--dry_run",
            "--config.train.epochs=1",
        ]
    )
    lines = capsys.readouterr().out.splitlines()
    table = load_table("ty_table3")
    assert len(lines) == 2 * len(table.rows) and not list(tmp_path.iterdir())
    assert all("--config.train.epochs=1" in line for line in lines)
    assert any("seed1000" in line and "--config.seed=1000" in line for line in lines)


@pytest.mark.parametrize("name", available())
@pytest.mark.parametrize("scale", ["marionette", "paper"])
def test_every_row_of_every_table_resolves(name, scale, tmp_path):
    from test_config import load

    from vidkd_jax.config import set_field, validate

    table = load_table(name)
    if scale not in table.scales:
        pytest.skip(f"{name} is a study on the built-in videos only")
    for row in table.rows:
        config = load(row.config, table.scales[scale])
        for field, value in row.overrides.items():
            set_field(config, field, value)
        validate(config)
    assert table.reference in [row.name for row in table.rows]
    assert len({row.slug for row in table.rows}) == len(table.rows)


def test_a_failed_run_is_named_and_the_others_finish(tmp_path, monkeypatch):
    table = load_table("ty_table3")
    started = []

    def command(table, row, seed, scale, out, extra):
        started.append(row.name)
        code = "import sys; print('no records'); sys.exit(2)" if row.name == "TY" else ""
        return [sys.executable, "-c", code]

    monkeypatch.setattr(runner, "command", command)
    with pytest.raises(
        RunError, match=r"1 of 6 runs failed; .*ty/seed0/log\.txt' ends with: no rec"
    ):
        runner.run_all(table, table.rows, "marionette", tmp_path, seeds=1, jobs=2, extra=[])
    assert len(started) == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--table=ty_table33"], "did you mean 'ty_table3'"),
        (["--table=ty_table3", "--scale=tiny"], "marionette, paper"),
        (["--table=ty_table3", "--row=TYY"], "this table has 'Baseline'"),
        (["--table=ty_table3", "--lr=1"], "unexpected argument '--lr=1'"),
        ([], "--table and --out are needed"),
    ],
)
def test_wrong_input(arguments, message, tmp_path):
    out = [f"--out={tmp_path}"] if arguments else []
    with pytest.raises(InputError, match=message):
        tables.main([*arguments, *out])
