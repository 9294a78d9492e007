"""Where compiled steps are kept."""

import jax

from vidkd_jax.runtime import compilation


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
