"""Independent tasks over worker processes, results in the order of the tasks."""

import os
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
        min(num_workers, len(tasks)), get_context("spawn"), initializer=_die_with_parent
    ) as pool:
        try:
            yield from pool.map(function, tasks)
        except BrokenProcessPool as error:
            raise InputError(
                "a worker process was killed (out of memory?); run the same command again to "
                "continue, with fewer --workers"
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _die_with_parent() -> None:
    """Ends this worker when its parent is killed; it would wait for tasks for ever."""
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
