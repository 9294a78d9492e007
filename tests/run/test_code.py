"""The file of a method of one's own belongs to a run: that it has changed is said."""

import copy
import json
import runpy

import pytest
from small_runs import build

from vidkd_jax import methods
from vidkd_jax.run import origins, workdir

METHOD = """
import dataclasses
from vidkd_jax import methods

@dataclasses.dataclass(frozen=True)
class Mine(methods.Supervised): ...

methods.register("mine", Mine)
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """The path of a file that registers a method of its own, "mine"."""
    monkeypatch.setattr(methods, "_METHODS", copy.copy(methods._METHODS))
    monkeypatch.setattr(methods, "_FILES", dict(methods._FILES))
    path = tmp_path / "mine.py"
    path.write_text(METHOD)
    runpy.run_path(str(path))
    return path


def test_the_file_of_a_method(mine):
    assert methods.file_of("mine") == mine
    assert methods.file_of("supervised") is None


def test_a_run_says_that_the_file_of_its_method_has_changed(mine, small_config, tmp_path, capsys):
    run = build(small_config(method__name="mine"))
    folder = tmp_path / "run"
    with workdir.claim(folder, run.settings, run.card.as_json()):
        origins.warn_of_code(folder, run.settings)
        assert not capsys.readouterr().err
    mine.write_text(METHOD + "# another\n")
    origins.check_finished(folder, run.settings)
    assert f"'{mine}', the file of method 'mine', has changed" in capsys.readouterr().err
    saved = json.loads((folder / "config.json").read_text())
    del saved["environment"]["method_file"]  # as of a run that is older than this check
    (folder / "config.json").write_text(json.dumps(saved))
    origins.check_finished(folder, run.settings)
    assert not capsys.readouterr().err
