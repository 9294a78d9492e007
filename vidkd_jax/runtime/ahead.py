"""Starts the next items before an item is consumed, so that host and device overlap."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def ahead(values: Iterable[T], by: int = 1) -> Iterator[T]:
    """Yields each value after the next `by` values have been made.

    The device computes the next outputs or steps while the host waits for the current one.
    """
    ready: deque[T] = deque()
    for value in values:
        ready.append(value)
        if len(ready) > by:
            yield ready.popleft()
    yield from ready
