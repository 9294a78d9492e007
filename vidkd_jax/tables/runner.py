"""Runs the arms of a table, each in its own process. A killed run is resumed by the same command.

Several such commands share the work, also on several machines that see the same folder: each takes
the first run that no other command has taken.
"""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from vidkd_jax.errors import RunError
from vidkd_jax.run import workdir
from vidkd_jax.runtime.cores import deal
from vidkd_jax.runtime.interrupts import Stopped
from vidkd_jax.runtime.lock import is_held
from vidkd_jax.runtime.progress import progress_bar
from vidkd_jax.settings import config_files
from vidkd_jax.tables.arms import Arm, in_order
from vidkd_jax.tables.under_way import under_way

# Parts of runs count, so that there is a time left before the first run has ended.
_BAR = "{l_bar}{bar}| {n:.1f}/{total_fmt} runs [{elapsed}<{remaining}{postfix}]"
_WAIT = 30.0  # seconds
_CTRL_C = 20.0  # seconds in which runs end by it, where a terminal has sent it to them, too
_WRONG_INPUT = 2  # exit status of a run that was refused; see `run_command`


class _LateError(Exception):
    """The run was refused because another command had taken it in the meantime."""


def command(arm: Arm, extra: Sequence[str]) -> list[str]:
    """Returns the command line of one run."""
    return [
        sys.executable,
        "-m",
        "vidkd_jax.main",
        f"--config={config_files.find(arm.row.config)}:{arm.dataset}",
        f"--workdir={arm.folder}",
        f"--config.seed={arm.seed}",
        f"--config.eval.keep_answers={arm.answers}",
        *(f"--config.{field}={value}" for field, value in arm.overrides().items()),
        *extra,
    ]


class _Queue:
    """The runs that have not been started, and how those that have ended went.

    Attributes:
      pending: the runs to start, in the table's order.
      failures: by folder of each run that has ended: what failed, None where nothing did.
    """

    def __init__(self, wanted: Iterable[Arm], settled: Collection[Path]) -> None:
        self.pending = [arm for arm in in_order(wanted) if arm.folder not in settled]
        self.failures: dict[Path, str | None] = dict.fromkeys(settled)

    def take(self, most: int) -> list[Arm]:
        """Removes and returns the first runs that can start now, at most `most`.

        A run whose needed run has failed is not returned: it fails, too.
        """
        taken: list[Arm] = []
        for arm in list(self.pending):
            if len(taken) == most:
                break
            folder = arm.folder
            needed = [run.folder for run in arm.needs()]
            if not all(run in self.failures for run in needed):
                continue
            if failed := [run for run in needed if self.failures[run]]:
                self.failures[folder] = f"'{folder}' was not run: it needs '{failed[0]}'"
            elif is_held(workdir.lock_of(folder)):
                continue
            else:
                taken.append(arm)
            self.pending.remove(arm)
        return taken

    def done(self) -> float:
        """Returns how many runs' work is done of all but those that were taken and still run.

        A pending run that was begun counts in part, also where another command runs it.
        """
        return len(self.failures) + sum(under_way(arm.folder).part for arm in self.pending)


class _Processes:
    """The runs that have been started, until all are stopped: then no other one starts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started: list[subprocess.Popen[bytes]] = []
        self._stopped = False

    def start(self, arguments: Sequence[str], **how: Any) -> "subprocess.Popen[bytes] | None":
        """Starts a process as `subprocess.Popen` does; returns None if all are stopped."""
        with self._lock:
            if self._stopped:
                return None
            process = subprocess.Popen(arguments, **how)
            self._started.append(process)
            return process

    def stop(self) -> None:
        """Lets no other process start."""
        with self._lock:
            self._stopped = True

    def end(self, after: float) -> None:
        """Hands SIGTERM on to those that still run after some seconds, once all are stopped."""

        def terminate() -> None:
            for process in self._started:
                process.terminate()

        later = threading.Timer(after, terminate)
        later.daemon = True
        later.start()


def run_all(
    wanted: Iterable[Arm],
    settled: Collection[Path] = (),
    *,
    jobs: int,
    extra: Sequence[str],
    title: str,
) -> None:
    """Does the runs and all that they need, `jobs` at a time: always the first that can start.

    Args:
      wanted: the runs.
      settled: folders of those that are done; they are not started.
      jobs: how many run at a time.
      extra: overrides of the command line.
      title: of the progress bar.

    Raises:
      RunError: a run failed; the message names its log. Runs that do not need it finish first.
    """
    queue, slots, processes = _Queue(wanted, settled), list(range(jobs)), _Processes()
    running: dict[Future[str | None], tuple[Arm, int]] = {}
    with (
        progress_bar(
            total=len(queue.failures) + len(queue.pending),
            initial=queue.done(),
            desc=title,
            bar_format=_BAR,
            smoothing=0,
        ) as bar,
        ThreadPoolExecutor(jobs) as pool,
    ):
        try:
            while queue.pending or running:
                for arm in queue.take(len(slots)):
                    slot, arguments = slots.pop(0), command(arm, extra)
                    future = pool.submit(_run, arm, arguments, slot, jobs, processes)
                    running[future] = arm, slot
                if queue.pending and not running:
                    time.sleep(_WAIT)  # other commands have taken all that is left
                for future in wait(running, _WAIT, FIRST_COMPLETED).done:
                    arm, slot = running.pop(future)
                    slots.append(slot)
                    if isinstance(future.exception(), _LateError):
                        queue.pending.append(arm)
                    else:
                        queue.failures[arm.folder] = future.result()
                now = [(arm, under_way(arm.folder)) for arm, _ in running.values()]
                bar.n = queue.done() + sum(way.part for _, way in now)
                said = (f"{arm.row.name}, seed {arm.seed}: {way}" for arm, way in now)
                bar.set_postfix_str("; ".join(said))
        except BaseException as error:
            processes.stop()
            if isinstance(error, KeyboardInterrupt):
                processes.end(after=0.0 if isinstance(error, Stopped) else _CTRL_C)
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if failed := [failure for failure in queue.failures.values() if failure]:
        count = f"{len(failed)} of {len(queue.failures)}"
        raise RunError(f"{count} runs failed; the first: {failed[0]}")


def _run(arm: Arm, arguments: list[str], slot: int, jobs: int, processes: _Processes) -> str | None:
    """Runs one command on its share of the cores; returns what failed, None where nothing did.

    Raises:
      _LateError: another command has taken the run, or finished it, since this one was started.
    """
    folder = arm.folder
    folder.mkdir(parents=True, exist_ok=True)
    log, results = folder / "log.txt", _when_finished(folder)
    with log.open("a") as file:
        start = file.tell()
        process = processes.start(
            arguments, stdout=file, stderr=subprocess.STDOUT, env=environment(slot, jobs)
        )
        if process is None:
            return f"'{folder}' was not run: all were stopped"
        deal(process.pid, slot, jobs)  # long before JAX counts the cores
        status = process.wait()
    if not status:
        return None
    # In this order: whoever finishes a run writes its results before it releases the lock.
    taken = is_held(workdir.lock_of(folder)) or _when_finished(folder) not in (None, results)
    if status == _WRONG_INPUT and taken:
        raise _LateError
    return f"'{log}' ends with: {_last_error(log, start)}"


def _when_finished(folder: Path) -> int | None:
    """Returns when a run's results were written, None where there are none."""
    try:
        return (folder / "summary.json").stat().st_mtime_ns
    except FileNotFoundError:
        return None


def environment(slot: int, jobs: int) -> dict[str, str]:
    """Returns a run's environment: its share of the GPUs, where several run at a time.

    The GPUs of CUDA_VISIBLE_DEVICES are dealt out; where there are fewer than jobs, jobs share one.
    Without that variable all jobs share all GPUs. Memory is not preallocated then, since JAX would
    take three quarters of a GPU for the first run on it.

    Args:
      slot: number of the job, from 0.
      jobs: how many run at a time.
    """
    found = dict(os.environ)
    if jobs > 1:
        found.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        if cards := [card for card in found.get("CUDA_VISIBLE_DEVICES", "").split(",") if card]:
            own = cards[slot::jobs] or [cards[slot % len(cards)]]
            found["CUDA_VISIBLE_DEVICES"] = ",".join(own)
    return found


def _last_error(log: Path, start: int) -> str:
    """Returns the last error message that a run wrote, else its last line, to show to the user.

    On the error's line a progress bar may stand before and after the message.

    Args:
      log: of the run, and of earlier tries.
      start: position in bytes where this try begins.
    """
    with log.open("rb") as file:
        file.seek(start)
        text = file.read().decode(errors="replace")
    errors: list[str] = re.findall(r"error: [^\r\n]*", text)
    return (errors or text.splitlines() or ["nothing"])[-1]
