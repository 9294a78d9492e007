"""Runs the rows of a table: each run is its own process, goes on after a kill, and is done once."""

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

from tqdm import tqdm

from vidkd_jax.errors import RunError
from vidkd_jax.tables.table import Row, Table

_ROOT = Path(__file__).parents[2]


def run_folder(out: Path, row: Row, seed: int) -> Path:
    """Returns the workdir of one run."""
    return out / "runs" / row.slug / f"seed{seed + row.seed_offset}"


def command(
    table: Table, row: Row, seed: int, scale: str, out: Path, extra: Sequence[str]
) -> list[str]:
    """Returns the command line of one run."""
    overrides = [f"--config.{field}={value}" for field, value in row.overrides.items()]
    return [
        sys.executable,
        "-m",
        "vidkd_jax.main",
        f"--config={_ROOT / 'configs' / row.config}.py:{table.scales[scale]}",
        f"--workdir={run_folder(out, row, seed)}",
        f"--config.seed={seed + row.seed_offset}",
        *overrides,
        *extra,
    ]


def run_all(
    table: Table,
    rows: Sequence[Row],
    scale: str,
    out: Path,
    *,
    seeds: int,
    jobs: int,
    extra: Sequence[str],
) -> None:
    """Runs every row with every seed, `jobs` at a time, seed by seed.

    Raises:
      RunError: a run failed; names its log. The others finish first.
    """
    work = [(row, seed) for seed in range(seeds) for row in rows]
    slots: Queue[int] = Queue()
    for slot in range(jobs):
        slots.put(slot)
    bar = tqdm(total=len(work), desc=table.title, unit="run")

    def run_one(item: tuple[Row, int]) -> str | None:
        row, seed = item
        folder = run_folder(out, row, seed)
        slot = slots.get()
        try:  # a finished run says so in seconds, and a run of another config is refused
            return _run(command(table, row, seed, scale, out, extra), folder, slot, jobs)
        finally:
            slots.put(slot)
            bar.update()

    with bar, ThreadPoolExecutor(jobs) as pool:
        try:
            failures = [failure for failure in pool.map(run_one, work) if failure]
        except BaseException:  # Ctrl-C: start no more
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if failures:
        raise RunError(f"{len(failures)} of {len(work)} runs failed; the first: {failures[0]}")


def _run(arguments: list[str], folder: Path, slot: int, jobs: int) -> str | None:
    """Runs one command on its share of the cores; returns what failed."""
    folder.mkdir(parents=True, exist_ok=True)
    cores = sorted(os.sched_getaffinity(0))
    share = set(cores[slot::jobs]) or set(cores)
    log = folder / "log.txt"
    with log.open("a") as file:
        process = subprocess.Popen(arguments, stdout=file, stderr=subprocess.STDOUT)
        os.sched_setaffinity(process.pid, share)  # long before JAX counts the cores
        status = process.wait()
    last = (log.read_text().splitlines() or ["nothing"])[-1]
    return f"'{log}' ends with: {last}" if status else None
