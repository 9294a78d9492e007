"""What a run reads its clips with."""

import dataclasses

import pytest

from vidkd_jax.data import pipeline
from vidkd_jax.run import inputs
from vidkd_jax.runtime.cores import usable_cores
from vidkd_jax.samplers import Contiguous
from vidkd_jax.settings.config import read
from vidkd_jax.settings.settings import DataSettings

SAMPLER = Contiguous(frames=4, stride=1)


@pytest.mark.parametrize(
    ("cores", "settings", "threads"),
    [
        (1, {}, 1),
        (6, {}, 6),
        (224, {}, 16),
        (8, {"workers": 4}, 2),  # in each of them
        (2, {"workers": 4}, 1),
        (2, {"threads": 5, "workers": 4}, 5),
    ],
)
def test_a_thread_a_core_reads_unless_the_user_says_otherwise(
    monkeypatch, cores, settings, threads
):
    monkeypatch.setattr(pipeline, "usable_cores", lambda: cores)
    assert inputs._reading(DataSettings(**settings)).num_threads == threads


def test_cores_are_those_that_the_process_may_use(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {3, 5, 8}, raising=False)
    assert usable_cores() == 3
    monkeypatch.delattr("os.sched_getaffinity")
    monkeypatch.setattr("os.cpu_count", lambda: 7)
    assert usable_cores() == 7


def test_classes_are_balanced_where_the_config_says_so(small_config, memory_subset):
    subset = memory_subset([24] * 8)
    videos = [dataclasses.replace(v, label=n > 5) for n, v in enumerate(subset.videos)]
    subset = dataclasses.replace(subset, videos=videos)
    found = []
    for balanced in (False, True):
        settings = read(small_config(data__balanced=balanced, train__batch_size=4))
        batches = inputs.train_batches(settings, subset, inputs.clip_spec(settings.data, SAMPLER))
        found.append(batches.per_epoch)
        batches.close()
    assert found == [2, 3]
