"""The pixels of the clips that may still be chosen: a bounded heap of the best so far."""

import heapq

import numpy as np


class Candidates:
    """Keeps the pixels of the clips with the highest scores, of equal scores the earlier ones."""

    def __init__(self, most: int) -> None:
        """Keeps at most `most` clips."""
        self._most = most
        self._heap: list[tuple[float, int]] = []  # (score, -number): the first one goes first
        self._pixels: dict[int, np.ndarray] = {}

    def add(self, number: int, score: float, pixels: np.ndarray) -> None:
        """Takes a clip, and lets the worst one go where there are too many; NaN is the worst."""
        score = -np.inf if np.isnan(score) else score
        heapq.heappush(self._heap, (score, -number))
        self._pixels[number] = pixels
        if len(self._heap) > self._most:
            _, worst = heapq.heappop(self._heap)
            del self._pixels[-worst]

    def __contains__(self, number: int) -> bool:
        """Whether a clip's pixels are here."""
        return number in self._pixels

    def __getitem__(self, number: int) -> np.ndarray:
        """Returns a clip's pixels."""
        return self._pixels[number]

    def __len__(self) -> int:
        """Returns how many clips are here."""
        return len(self._pixels)

    def clear(self) -> None:
        """Lets all go."""
        self._heap.clear()
        self._pixels.clear()
