"""Runs independent tasks in worker processes and yields the results in the order of the tasks."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context
from typing import TypeVar

from vidkd_jax.errors import InputError
from vidkd_jax.runtime.workers import follow_parent

Task = TypeVar("Task")
Result = TypeVar("Result")


def run_tasks(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    num_workers: int,
    names: Sequence[object] | None = None,
) -> Iterator[Result]:
    """Yields `function(task)` for each task, in order.

    Where it is interrupted, the workers end in the middle of their tasks.

    Args:
      function: A function defined at module level. What it leaves when it is killed does no harm.
      tasks: The arguments, which must be picklable.
      num_workers: Number of processes. With 1, the tasks run in this process.
      names: What a message calls each task; None: as it is.

    Raises:
      InputError: A worker was killed from outside, for example because memory ran out.
    """
    if num_workers <= 1 or len(tasks) <= 1:
        yield from map(function, tasks)
        return
    others = {*active_children()}
    # "spawn", because decoders start threads and a forked process would lack those threads.
    with ProcessPoolExecutor(
        min(num_workers, len(tasks)), get_context("spawn"), initializer=follow_parent
    ) as pool:
        # All chunks are held in memory, so hundreds of thousands of tasks get larger chunks.
        chunk, done = min(8, 1 + len(tasks) // 10_000), 0
        try:
            for result in pool.map(function, tasks, chunksize=chunk):
                yield result
                done += 1
        except BrokenProcessPool as error:
            raise InputError(
                f"a worker process was killed (out of memory?), at '{(names or tasks)[done]}' or "
                "soon after; run the same command again to continue, with fewer --workers; where "
                "one is killed again and again, leave out what it works on"
            ) from error
        except (KeyboardInterrupt, GeneratorExit):  # the next tasks may take minutes
            for worker in {*active_children()} - others:
                worker.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
