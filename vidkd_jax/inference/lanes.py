"""Reads the clips of several videos ahead, each video in a thread of its own."""

import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from queue import Empty, Full, Queue

from vidkd_jax.inference.sources import Clip, End, Reading, Source, read

_AHEAD = 32  # clips of a video that wait to be used
_LAST_FRAMES = 3.0  # seconds in which a thread ends that has been told to


def read_ahead(
    sources: Sequence[Source], reading: Reading, *, threads: int
) -> Generator[tuple[int, Clip | End], None, None]:
    """Yields (number of the source, clip or end), source after source, each read in a thread.

    A live source is not opened before it is its turn: it would not wait.

    Args:
      sources: the videos.
      reading: which clips are read.
      threads: videos that are read at the same time.
    """
    stop, open_ones = threading.Event(), deque[tuple[int, _Lane]]()
    todo = deque(enumerate(sources))

    def begin() -> None:
        while todo and len(open_ones) < max(threads, 1):
            if todo[0][1].live and open_ones:
                return
            index, source = todo.popleft()
            open_ones.append((index, _Lane(read(reading, index, source), stop)))

    try:
        begin()
        while open_ones:
            index, lane = open_ones[0]
            for found in lane:
                yield index, found
            open_ones.popleft()
            begin()
    finally:
        stop.set()
        for _, lane in open_ones:
            lane.join()


class _Lane:
    """An iterable that a thread reads ahead, up to a limit."""

    def __init__(self, values: Iterable[Clip | End], stop: threading.Event) -> None:
        self._queue: Queue[Clip | End | BaseException] = Queue(_AHEAD)
        self._values, self._stop = values, stop
        self._thread = threading.Thread(target=self._fill, daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Waits for the thread to end: it would be killed amid C++ code when Python ends.

        One that waits for a live source may wait for ever; it is left behind.
        """
        self._thread.join(timeout=_LAST_FRAMES)

    def _fill(self) -> None:
        try:
            for value in self._values:
                self._put(value)
                if self._stop.is_set():
                    return
        except BaseException as error:
            self._put(error)

    def _put(self, value: Clip | End | BaseException) -> None:
        while not self._stop.is_set():
            try:
                self._queue.put(value, timeout=0.1)
                return
            except Full:
                continue

    def __iter__(self) -> Iterator[Clip | End]:
        """Yields the values up to the end of the video, or raises what reading raised."""
        while True:
            try:
                value = self._queue.get(timeout=1)
            except Empty:
                continue  # so that Ctrl-C is noticed
            if isinstance(value, BaseException):
                raise value
            yield value
            if isinstance(value, End):
                return
