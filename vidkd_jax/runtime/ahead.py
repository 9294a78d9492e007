"""The next one begun before this one is read, so that the host and the device work at once."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def one_ahead(values: Iterable[T]) -> Iterator[T]:
    """Yields values, each once the one after it has been made.

    Of batches: the next is on its way to the device while this one is in use. Of outputs: the
    device has the next to compute while the host waits for this one and reads it.
    """
    ready: deque[T] = deque()
    for value in values:
        ready.append(value)
        if len(ready) > 1:
            yield ready.popleft()
    yield from ready
