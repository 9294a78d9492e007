import os
import tempfile
import time
from pathlib import Path

import pytest
from squares import write_square

from vidkd_jax.data import probes


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def paths(tmp_path):
    found = [tmp_path / f"{name}.mp4" for name in ("a", "b", "c")]
    for seed, path in enumerate(found):
        write_square(path, direction=0, seed=seed)
    return found


def count_decoding(monkeypatch):
    decoded, probe = [], probes.video.probe

    def counting(path, **options):
        decoded.append(path)
        return probe(path, **options)

    monkeypatch.setattr(probes.video, "probe", counting)
    return decoded


def test_a_video_is_decoded_once(monkeypatch, paths):
    decoded = count_decoding(monkeypatch)
    first = probes.probe_all(paths[:2], "train")
    assert sorted(decoded) == paths[:2]
    assert probes.probe_all(paths, "train")[:2] == first
    assert decoded[2:] == paths[2:]
    assert all(info.num_frames > 1 for info in first)


def test_no_more_videos_are_decoded_at_a_time_than_there_are_cores(monkeypatch, paths):
    """A job with a few of a machine's cores has as small a part of its memory."""
    running, most = [], []

    def slow(path, **_):
        running.append(path)
        most.append(len(running))
        time.sleep(0.02)
        running.remove(path)
        return probes.video.VideoInfo(1, 25.0, 8, 8)

    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    monkeypatch.setattr(probes.video, "probe", slow)
    probes.probe_all(paths, "train")
    assert max(most) == 1


def test_a_changed_video_is_decoded_again(monkeypatch, paths):
    before = probes.probe_all(paths, "train")
    write_square(paths[1], direction=0, seed=1, num_frames=7)
    decoded = count_decoding(monkeypatch)
    after = probes.probe_all(paths, "train")
    assert decoded == [paths[1]]
    assert after[1].num_frames == 7 and after[::2] == before[::2]


def test_another_video_of_the_same_size_is_decoded_anew(paths):
    (before,) = probes.probe_all(paths[:1], "train")
    size = paths[0].stat().st_size
    write_square(paths[1], direction=0, seed=1, num_frames=before.num_frames - 2)
    other = paths[1].read_bytes()
    free = b"free"  # an atom that holds nothing
    paths[0].write_bytes(
        other + (size - len(other)).to_bytes(4, "big") + free.ljust(size - len(other) - 4, b"\0")
    )
    assert paths[0].stat().st_size == size
    os.utime(paths[0], ns=(1, 1))
    (after,) = probes.probe_all(paths[:1], "train")
    assert after.num_frames == before.num_frames - 2


def test_what_cannot_be_read_is_said_each_time(paths, capsys):
    paths[1].write_bytes(b"no video")
    for _ in range(2):
        infos = probes.probe_all([*paths, paths[0].with_name("missing.mp4")], "train")
        assert [info is None for info in infos] == [False, True, False, True]
        said = capsys.readouterr().err
        assert said.count("skipped: ") == 2 and "b.mp4" in said and "missing.mp4" in said


def test_without_a_place_to_remember_it_only_takes_longer(monkeypatch, tmp_path, paths):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    decoded = count_decoding(monkeypatch)
    assert probes.probe_all(paths, "train") == probes.probe_all(paths, "train")
    assert len(decoded) == 6


def test_without_a_home_it_remembers_among_the_temporary_files(monkeypatch, tmp_path, paths):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    first = probes.probe_all(paths, "train")
    decoded = count_decoding(monkeypatch)
    assert probes.probe_all(paths, "train") == first and not decoded


def test_a_damaged_memory_takes_longer_once(monkeypatch, tmp_path, paths):
    first = probes.probe_all(paths, "train")
    (tmp_path / "cache/vidkd_jax/videos.sqlite").write_bytes(b"no database" * 100)
    decoded = count_decoding(monkeypatch)
    assert probes.probe_all(paths, "train") == first and len(decoded) == len(paths)
    assert probes.probe_all(paths, "train") == first and len(decoded) == len(paths)


def test_each_frame_rate_is_remembered_by_itself(monkeypatch, paths):
    as_filmed, at_six = (probes.probe_all(paths, "train", fps=fps) for fps in (0.0, 6.0))
    assert [info.num_frames for info in as_filmed] == [24] * 3
    assert [info.num_frames for info in at_six] == [12] * 3
    decoded = count_decoding(monkeypatch)
    assert probes.probe_all(paths, "train") == as_filmed
    assert probes.probe_all(paths, "train", fps=6.0) == at_six and not decoded


def test_names_that_are_no_text(paths):
    odd = paths[0].rename(os.fsdecode(os.fsencode(paths[0].parent) + b"/\xff.mp4"))
    assert None not in probes.probe_all([odd, *paths[1:]], "train")
