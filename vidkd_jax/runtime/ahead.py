"""Starts item i+1 before item i is consumed, so that host and device overlap."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def one_ahead(values: Iterable[T]) -> Iterator[T]:
    """Yields each value after the next value has been made.

    With batches, the next batch is copied to the device while the current batch is in use. With
    outputs, the device computes the next output while the host waits for the current one.
    """
    ready: deque[T] = deque()
    for value in values:
        ready.append(value)
        if len(ready) > 1:
            yield ready.popleft()
    yield from ready
