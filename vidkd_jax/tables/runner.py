"""Runs the arms of a table: each run is its own process, goes on after a kill, and is done once.

Several of these at once share the work, on machines that share the folder: each takes the first run
that no other is at.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from pathlib import Path

from vidkd_jax.errors import RunError
from vidkd_jax.run import workdir
from vidkd_jax.runtime.lock import is_held
from vidkd_jax.runtime.progress import progress_bar
from vidkd_jax.settings import config_files
from vidkd_jax.tables.arms import Arm, in_order

_WAIT = 30.0  # seconds
_BUSY = "another run is writing there"


def command(arm: Arm, out: Path, extra: Sequence[str]) -> list[str]:
    """Returns the command line of one run."""
    return [
        sys.executable,
        "-m",
        "vidkd_jax.main",
        f"--config={config_files.FOLDER / arm.row.config}.py:{arm.dataset}",
        f"--workdir={arm.folder(out)}",
        f"--config.seed={arm.seed}",
        *(f"--config.{field}={value}" for field, value in arm.overrides(out).items()),
        *extra,
    ]


def run_all(
    wanted: Iterable[Arm], out: Path, *, jobs: int, extra: Sequence[str], title: str
) -> None:
    """Does the runs and their teachers', `jobs` at a time: always the first that can be done.

    Raises:
      RunError: a run failed; names its log. Those that do not need it finish first.
    """
    pending, slots = in_order(wanted), list(range(jobs))
    failures: dict[Path, str | None] = {}  # of those that are done; None: it went well
    running: dict[Future[str | None], tuple[Arm, int]] = {}

    def can_start(arm: Arm) -> bool:
        has_teachers = all(teacher.folder(out) in failures for teacher in arm.needs())
        return has_teachers and not is_held(workdir.lock_of(arm.folder(out)))

    with (
        progress_bar(total=len(pending), desc=title, unit="run") as bar,
        ThreadPoolExecutor(jobs) as pool,
    ):
        try:
            while pending or running:
                startable = list(islice(filter(can_start, pending), len(slots)))
                for arm in startable:
                    pending.remove(arm)
                    folder = arm.folder(out)
                    if any(failures[teacher.folder(out)] for teacher in arm.needs()):
                        failures[folder] = f"'{folder}' was not run: its teacher failed"
                        bar.update()
                        continue
                    # A finished run says so in seconds, and a run of another config is refused.
                    slot, arguments = slots.pop(0), command(arm, out, extra)
                    running[pool.submit(_run, arguments, folder, slot, jobs)] = arm, slot
                if not startable and not running:
                    time.sleep(_WAIT)  # others are at all that is left
                for future in wait(running, _WAIT, FIRST_COMPLETED).done:
                    arm, slot = running.pop(future)
                    slots.append(slot)
                    if future.result() == _BUSY:
                        pending.append(arm)
                        continue
                    failures[arm.folder(out)] = future.result()
                    bar.update()
        except BaseException:  # Ctrl-C: start no more
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if failed := [failure for failure in failures.values() if failure]:
        raise RunError(f"{len(failed)} of {len(failures)} runs failed; the first: {failed[0]}")


def _run(arguments: list[str], folder: Path, slot: int, jobs: int) -> str | None:
    """Runs one command on its share of the cores; returns what failed, `_BUSY` to try again."""
    folder.mkdir(parents=True, exist_ok=True)
    cores = sorted(os.sched_getaffinity(0))
    share = set(cores[slot::jobs]) or set(cores)
    log = folder / "log.txt"
    with log.open("a") as file:
        start = file.tell()
        process = subprocess.Popen(
            arguments, stdout=file, stderr=subprocess.STDOUT, env=environment(slot, jobs)
        )
        os.sched_setaffinity(process.pid, share)  # long before JAX counts the cores
        status = process.wait()
    if not status:
        return None
    said = _last_error(log, start)
    if _BUSY in said:  # it came to it in the meantime
        time.sleep(_WAIT)
        return _BUSY
    return f"'{log}' ends with: {said}"


def environment(slot: int, jobs: int) -> dict[str, str]:
    """Returns a run's environment: its share of the GPUs, where several run at a time.

    Each has those of CUDA_VISIBLE_DEVICES that are its own, or shares one; without that, all share
    what there is. JAX would take three quarters of a card for the first that comes.
    """
    found = dict(os.environ)
    if jobs > 1:
        found.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        if cards := [card for card in found.get("CUDA_VISIBLE_DEVICES", "").split(",") if card]:
            own = cards[slot::jobs] or [cards[slot % len(cards)]]
            found["CUDA_VISIBLE_DEVICES"] = ",".join(own)
    return found


def _last_error(log: Path, start: int) -> str:
    """Returns the last error after `start`, else the last line.

    Another run's progress bar may stand before and after it, on the same line.
    """
    with log.open("rb") as file:
        file.seek(start)
        text = file.read().decode(errors="replace")
    errors: list[str] = re.findall(r"error: [^\r\n]*", text)
    return (errors or text.splitlines() or ["nothing"])[-1]
