"""What a finished run leaves for its report."""

from types import SimpleNamespace

import numpy as np
import pytest

from vidkd_jax.run import results


@pytest.mark.parametrize(("channels", "pictured"), [(3, 6), (5, 6), (2, 0)])
def test_frames_from_all_over_the_first_mistakes_are_shown(channels, pictured, memory_subset):
    subset = memory_subset([20, 2, 10, 10, 10, 10, 10])
    seen = []

    def frames(index, numbers):
        seen.append((index, numbers.tolist()))
        return (np.full((6, 8, channels), number, np.uint8) for number in numbers)

    subset.dataset.frames = frames
    run = SimpleNamespace(splits=SimpleNamespace(test=subset))
    mistakes = [{"video": video.id} for video in subset.videos]
    strips = [*results._strips(run, mistakes)]
    assert seen[:2] == [(0, [2, 6, 10, 14, 18]), (1, [0, 0, 1, 1, 1])] and len(seen) == 6
    assert [strip.shape for strip in strips] == [(5, 6, 8, 3)] * pictured
    assert not pictured or strips[0][:, 0, 0, 0].tolist() == [2, 6, 10, 14, 18]
