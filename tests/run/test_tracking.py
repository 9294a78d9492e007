"""What a run writes while it goes: every line, whatever the disk or a power cut does."""

import json
import threading

import pytest
from tensorboardX.proto.event_pb2 import Event

from vidkd_jax.run import tracking


def events(workdir):
    """Returns the events of all files, in their order."""
    found = []
    for path in sorted((workdir / "events").iterdir()):
        data = path.read_bytes()
        while data:  # length, its checksum, the event, its checksum
            length = int.from_bytes(data[:8], "little")
            found.append(Event.FromString(data[12 : 12 + length]))
            data = data[16 + length :]
    return found


def test_records_are_in_both_files_and_no_thread_writes_them(tmp_path):
    before = threading.active_count()
    with tracking.Tracker(tmp_path, is_main=True, resume_step=4) as tracker:
        tracker.write(5, 1, "train", {"loss": 0.5, "promoted": True, "name": "x"})
        tracker.flush()
        assert threading.active_count() == before
        scalars = [
            (e.step, v.tag, v.simple_value) for e in events(tmp_path) for v in e.summary.value
        ]
    assert (5, "train/loss", 0.5) in scalars
    assert [e.step for e in events(tmp_path) if e.HasField("session_log")] == [5]
    (record,) = tracking.read_records(tmp_path / "metrics.jsonl")
    assert record == {
        "step": 5,
        "epoch": 1,
        "split": "train",
        "loss": 0.5,
        "promoted": True,
        "name": "x",
    }


def test_a_disk_that_is_full_is_the_callers_error(tmp_path, monkeypatch):
    def full(self, event):
        raise OSError(28, "No space left on device")

    with tracking.Tracker(tmp_path, is_main=True, resume_step=0) as tracker:
        monkeypatch.setattr(tracking.EventsWriter, "write_event", full)
        with pytest.raises(OSError, match="No space left"):
            tracker.write(1, 1, "train", {"loss": 0.5})


def test_lines_that_a_power_cut_damaged_are_left_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    good = {"step": 1, "epoch": 1, "split": "val", "clip_top1": 0.5}
    path.write_bytes(json.dumps(good).encode() + b'\n\xff\xfe\x00\n3\n{"epoch": 2}\n{"st')
    assert tracking.read_records(path) == [good]
