"""Shared fixtures: a data set in memory, and records of real encoded videos on disk."""

import os

import numpy as np
import pytest

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Tests compile much and run little, and LLVM's optimiser takes seconds for one random generator.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", "")

from vidkd_jax.data.splits import Subset
from vidkd_jax.data.videos import Video


class MemoryDataset:
    """Videos whose pixels say which video, frame and place they are."""

    def __init__(self, lengths, num_classes=2, size=(20, 24), groups=None):
        self.class_names = tuple(f"class{i}" for i in range(num_classes))
        self.size = size
        groups = groups or [f"g{i % 3:02d}" for i in range(len(lengths))]
        self.videos = [
            Video(f"v{i}", i % num_classes, groups[i], n, i) for i, n in enumerate(lengths)
        ]

    def frames(self, index, numbers):
        height, width = self.size
        rows, columns = np.mgrid[:height, :width].astype(np.uint8)
        for number in numbers:
            assert 0 <= number < self.videos[index].num_frames
        return [
            np.stack([np.full_like(rows, index * 16 + number), rows, columns], axis=-1)
            for number in numbers.tolist()
        ]


@pytest.fixture
def memory_dataset():
    return MemoryDataset


@pytest.fixture
def memory_subset():
    def make(lengths, **options):
        dataset = MemoryDataset(lengths, **options)
        return Subset(dataset, dataset.videos)

    return make
