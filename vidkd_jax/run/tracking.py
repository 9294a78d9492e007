"""What a run writes while it goes: metrics.jsonl and TensorBoard events."""

import contextlib
import json
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vidkd_jax.errors import RunError
from vidkd_jax.runtime.files import write_text


@contextlib.contextmanager
def _hidden(name: str) -> Iterator[None]:
    """Hides a package, where it has not been imported yet, from imports that can do without."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]


# Where PyTorch is installed, tensorboardX imports it, in 1.6 s, for graphs that are not used here.
with _hidden("torch"):
    from tensorboardX.event_file_writer import EventsWriter
    from tensorboardX.proto.event_pb2 import Event, SessionLog
    from tensorboardX.summary import scalar


class Tracker:
    """Writes the records of a run; in all processes but the first it writes nothing.

    A record is one JSON object per line: "step", "epoch", "split", and metrics. Both files are
    written by the caller's thread: a full disk is its error, and not that of a thread which is then
    missing.
    """

    def __init__(self, workdir: Path, *, is_main: bool, resume_step: int) -> None:
        """Opens the files; records after `resume_step` (of a killed run) are dropped."""
        self._path = workdir / "metrics.jsonl"
        self._is_main = is_main
        if not is_main:
            return
        records = [
            record
            for record in read_records(self._path)
            if record.get("step", resume_step + 1) <= resume_step
            and record["split"] != "test"  # tested anew at the end
        ]
        write_text(self._path, "".join(json.dumps(record) + "\n" for record in records))
        self._file = self._path.open("a", buffering=1)
        (workdir / "events").mkdir(exist_ok=True)
        self._events = EventsWriter(str(workdir / "events" / "events"))
        begin = SessionLog(status=SessionLog.START)  # TensorBoard drops what a killed run had after
        self._events.write_event(Event(step=resume_step + 1, session_log=begin))

    def write(self, step: int, epoch: int, split: str, metrics: Mapping[str, Any]) -> None:
        """Appends one record."""
        if not self._is_main:
            return
        values = {name: _plain(value) for name, value in metrics.items()}
        self._file.write(
            json.dumps({"step": step, "epoch": epoch, "split": split, **values}) + "\n"
        )
        for name, value in values.items():
            if isinstance(value, (int, float)):
                summary, now = scalar(f"{split}/{name}", value), time.time()
                self._events.write_event(Event(step=step, wall_time=now, summary=summary))

    def flush(self) -> None:
        """Writes what is buffered: a run that goes on from a checkpoint repeats nothing before."""
        if self._is_main:
            self._events.flush()

    def check_in_place(self) -> None:
        """Ends a run whose results nobody would find, and which could meet another run's.

        Raises:
          RunError: the run's folder has been deleted or moved.
        """
        if self._is_main and not self._path.exists():
            raise RunError(
                f"'{self._path.parent}' has been deleted or moved since the run began; where it "
                "was moved, run the same command with its new place as --workdir to continue"
            )

    def __enter__(self) -> "Tracker":
        return self

    def __exit__(self, *_: object) -> None:
        """Flushes and closes the files."""
        if self._is_main:
            with contextlib.closing(self._events), self._file:
                pass


def read_records(path: Path) -> list[dict[str, Any]]:
    """Returns the records of a metrics.jsonl, without lines that a kill or a power cut damaged."""
    records = []
    if path.exists():
        for line in path.read_text(errors="replace").splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                record = json.loads(line)
                if isinstance(record, dict) and {"epoch", "split"} <= record.keys():
                    records.append(record)
    return records


def _plain(value: Any) -> Any:
    """Returns a JSON value; floats keep float32's nine digits."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (float, np.floating)):
        return float(f"{float(value):.9g}")
    return value.item() if isinstance(value, np.generic) else value
