"""Clips of many videos in device batches of one size, so that a network is compiled once."""

import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from vidkd_jax.errors import InputError
from vidkd_jax.inference.pair import Asked, Pair

Rows = Mapping[str, np.ndarray]  # one clip's outputs by name
Step = Callable[..., Mapping[str, jax.Array]]


class Batcher:
    """Collects clips into batches, and gives a network's outputs clip by clip, in their order.

    A batch is sent to the device as soon as it is full, and its outputs are waited for when the
    next one has been sent: so the host reads on while the device computes.
    """

    def __init__(
        self, asked: Asked, batch_size: int, *, wrap: Callable[[Step], Step] = lambda step: step
    ) -> None:
        """`wrap` changes the compiled function, such as to say that it is being compiled."""
        self._asked, self.size, self._step = asked, batch_size, wrap(asked.step)
        self._keys: list[Hashable] = []
        self._clips = np.empty(0, np.uint8)
        self._sent: deque[tuple[list[Hashable], Mapping[str, Any]]] = deque()

    def put(self, key: Hashable, pixels: np.ndarray) -> None:
        """Takes a clip, uint8 [n, t, h, w, c], which `ready` names by its key.

        Raises:
          InputError: so many clips as a batch has do not fit into memory.
        """
        if not self._keys:  # a new array each time: the device may read the old one in place
            self._clips = self._empty(pixels.shape)
        self._clips[len(self._keys)] = pixels
        self._keys.append(key)
        if len(self._keys) == self.size:
            self.flush()

    def flush(self) -> None:
        """Sends what is there, padded with zeros."""
        if self._keys:
            self._sent.append((self._keys, self._send(self._clips)))
            self._keys = []

    def ready(self, *, wait: bool = False) -> Iterator[tuple[Any, Rows]]:
        """Yields (key, outputs) of the clips of every batch but the last one, or of all.

        Args:
          wait: also for the last batch that was sent.
        """
        while len(self._sent) > (0 if wait else 1):
            keys, outputs = self._sent.popleft()
            arrays = {name: np.asarray(outputs[name]) for name in self._asked.outputs}
            for row, key in enumerate(keys):
                yield key, {name: array[row] for name, array in arrays.items()}

    def seconds_per_clip(
        self, clip_shape: tuple[int, ...], clock: Callable[[], float] = time.perf_counter
    ) -> float:
        """Returns what a clip costs in a full batch: the faster of two calls, after compiling."""
        clips, taken = self._empty(clip_shape), []
        jax.block_until_ready(self._send(clips))
        for _ in range(2):
            started = clock()
            jax.block_until_ready(self._send(clips))
            taken.append(clock() - started)
        return min(taken) / self.size

    def _empty(self, clip_shape: tuple[int, ...]) -> np.ndarray:
        try:
            return np.zeros((self.size, *clip_shape), np.uint8)
        except (MemoryError, ValueError):
            raise InputError(
                f"--batch_size={self.size}: so many clips do not fit into memory; give fewer"
            ) from None

    def _send(self, clips: np.ndarray) -> Mapping[str, Any]:
        numbers = np.zeros(self.size, np.int32)
        batch = {"clip": clips, "label": numbers, "video": numbers, "mask": numbers == 0}
        return self._step(self._asked.variables, batch)


def seconds_per_clip(
    pair: Pair, batch_size: int, clock: Callable[[], float] = time.perf_counter
) -> tuple[float, float]:
    """Returns the seconds that a clip costs the teacher, and the sampler (0 without one).

    Batches are full and the networks compiled. Decoding does not count.

    Args:
      pair: the networks.
      batch_size: clips at a time.
      clock: in seconds; `time.process_time` for the processor's time.
    """
    asked = pair.teacher, pair.sampler
    teacher, sampler = (
        Batcher(each, batch_size).seconds_per_clip(pair.clip_shape, clock) if each else 0.0
        for each in asked
    )
    return teacher, sampler
