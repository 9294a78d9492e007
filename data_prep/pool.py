"""Independent tasks over worker processes, results in the order of the tasks."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from typing import TypeVar

from vidkd_jax.errors import InputError

Task = TypeVar("Task")
Result = TypeVar("Result")


def run_tasks(
    function: Callable[[Task], Result], tasks: Sequence[Task], num_workers: int
) -> Iterator[Result]:
    """Yields `function(task)` of each task, in order.

    Args:
      function: A module-level function.
      tasks: Its arguments; picklable.
      num_workers: Processes; 1 works in this one.

    Raises:
      InputError: A worker was killed from outside (as the system does when memory runs out).
    """
    if num_workers <= 1 or len(tasks) <= 1:
        yield from map(function, tasks)
        return
    # spawn: decoders start threads, which a forked process does not have.
    with ProcessPoolExecutor(
        min(num_workers, len(tasks)), get_context("spawn"), initializer=_follow_parent
    ) as pool:
        try:
            # Every chunk waits in memory; hundreds of thousands of tasks go in larger ones.
            chunk = min(8, 1 + len(tasks) // 10_000)
            yield from pool.map(function, tasks, chunksize=chunk)
        except BrokenProcessPool as error:
            raise InputError(
                "a worker process was killed (out of memory?); run the same command again to "
                "continue, with fewer --workers"
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _follow_parent() -> None:
    """Leaves Ctrl-C to the parent, and ends when it is killed instead of waiting for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
