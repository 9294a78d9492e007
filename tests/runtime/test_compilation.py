"""Where compiled steps are kept."""

import io

import jax
from tqdm import tqdm

from vidkd_jax.runtime import compilation


def test_the_time_of_compiling_is_not_that_of_steps(monkeypatch):
    """The seconds of the steps before it, which the bar has not drawn yet, are."""
    now = [100.0]
    monkeypatch.setattr(compilation.time, "time", lambda: now[0])
    bar = tqdm(total=20, mininterval=10, file=io.StringIO())
    bar._time = lambda: now[0]
    bar.start_t = bar.last_print_t = now[0]

    def work():
        now[0] += 60

    for _ in range(4):  # 8 seconds of steps, less than the bar draws after
        now[0] += 2
        bar.update()
    compilation.announced(work, bar)()
    assert bar.format_dict["elapsed"] == 8
    assert bar.format_dict["n"] == 4


def test_a_cache_that_cannot_be_written_is_said_and_not_used(tmp_path, monkeypatch, capsys):
    set_to = []
    monkeypatch.setattr(jax.config, "update", lambda *value: set_to.append(value))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    compilation.cache_compilations()
    assert set_to.pop() == ("jax_compilation_cache_dir", str(tmp_path / "vidkd_jax"))
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    compilation.cache_compilations()
    assert not set_to and "compiled steps are not kept there" in capsys.readouterr().err
