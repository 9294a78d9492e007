"""Shared fixtures: a data set in memory, and records of real encoded videos on disk."""

import gc
import os
import subprocess
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Tests compile much and run little. LLVM's optimiser takes seconds for a single random generator;
# without it XLA's older emitters, which later versions may not have, take half the time.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0"
    + (
        " --xla_cpu_use_fusion_emitters=false"
        if metadata.version("jaxlib").startswith("0.10.")
        else ""
    ),
)
# All test processes share a compilation cache, so that each program is compiled only once.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(".pytest_cache/jax").absolute()))
# Tests have their own cache folder, apart from the user's.
os.environ["XDG_CACHE_HOME"] = str(Path(".pytest_cache/xdg").absolute())
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.05")

import jax
from squares import SMALL_RUN, write_square

from vidkd_jax.data.splits import Subset
from vidkd_jax.data.videos import WHOLE_FRAME, Video

# Linux gives a process 65,530 memory maps. Beyond them XLA's compiler crashes.
_MANY_MAPS = 20_000


# The files that take longest. They come first: one process that is left with such a file at the end
# would keep the other one waiting.
_LONGEST = (
    "tests/test_train.py",
    "tests/test_main.py",
    "tests/tables/test_processes.py",
    "tests/distributed/test_devices.py",
    "tests/run/test_teachers.py",
    "tests/test_benchmarks.py",
    "tests/run/test_train_step.py",
    "tests/methods/test_pcl_runs.py",
    "tests/models/test_conv.py",
)


def pytest_collection_modifyitems(items):
    """Puts the longest files first, in the order of `_LONGEST`."""
    order = {name: number for number, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: order.get(item.nodeid.partition("::")[0], len(order)))


@pytest.fixture(autouse=True, scope="module")
def _drop_programs_of_earlier_files():
    """Drops all compiled programs once they hold many memory maps."""
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and len(maps.read_text().splitlines()) > _MANY_MAPS:
        jax.clear_caches()
        gc.collect()


@pytest.fixture(autouse=True)
def _without_reports(monkeypatch):
    """Runs in a test draw no report, which takes a second; those in a module's fixtures do."""
    quiet = SimpleNamespace(write_report=lambda *_, **__: None)
    monkeypatch.setattr("vidkd_jax.run.results.report", quiet)


class MemoryDataset:
    """Videos whose pixels encode their video, frame and position."""

    parts = WHOLE_FRAME

    def __init__(self, lengths, num_classes=2, size=(20, 24), groups=None):
        self.class_names = tuple(f"class{i}" for i in range(num_classes))
        self.size, self.groups = size, {"given": len(lengths)}
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


@pytest.fixture(scope="session")
def square_videos(tmp_path_factory):
    """Videos and lists like UCF101's: 2 classes x 8 groups, 48 x 36 pixels, 6 training groups."""
    root = tmp_path_factory.mktemp("squares")
    names = ["Left", "Right"]
    lists = {"trainlist01.txt": [], "testlist01.txt": []}
    for label, name in enumerate(names):
        for group in range(1, 9):
            relative = f"{name}/v_{name}_g{group:02d}_c01.mp4"
            write_square(root / "videos" / relative, direction=label, seed=group)
            if group > 2:
                lists["trainlist01.txt"].append(f"{relative} {label + 1}")
            else:
                lists["testlist01.txt"].append(relative)
    annotations = root / "annotations"
    annotations.mkdir()
    (annotations / "classInd.txt").write_text("1 Left\n2 Right\n")
    for name, lines in lists.items():
        (annotations / name).write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture(scope="session")
def square_records(square_videos):
    """Makes the records of `square_videos` and returns their root, for `data.root`."""
    from record_files import build_squares

    return build_squares(square_videos, square_videos / "records")


@pytest.fixture(scope="session")
def small_config(square_records):
    """Makes a locked TY config for a short run.

    Keyword arguments set fields; "__" in a name stands for ".".
    """
    from vidkd_jax.settings.config import get_base_config, set_field

    def make(**overrides):
        config = get_base_config()
        values = {"method.name": "teaching_yourself", **SMALL_RUN, "data.root": str(square_records)}
        values |= {field.replace("__", "."): value for field, value in overrides.items()}
        if values["method.name"] in ("dtg", "dist_init"):  # no figure for a plateau to follow
            values.setdefault("schedule.name", "cosine")
        for field, value in values.items():
            set_field(config, field, value)
        return config

    return make


@pytest.fixture(scope="session")
def video_run(small_config, square_videos, tmp_path_factory):
    """The workdir of a run of one epoch, directly on the files of `square_videos`."""
    from vidkd_jax import train

    workdir = tmp_path_factory.mktemp("video_run")
    config = small_config(
        data__source="videos",
        data__videos=str(square_videos / "videos"),
        data__annotations=str(square_videos / "annotations"),
        data__name="ucf101",
        method__name="supervised",
        train__epochs=1,
    )
    train.train_and_evaluate(config, workdir)
    return workdir


@pytest.fixture
def small_flags(square_records):
    """The settings of a short run as command-line flags."""
    values = {**SMALL_RUN, "data.root": square_records}
    return [f"--config.{field}={value}" for field, value in values.items()]


@pytest.fixture
def small_disk(tmp_path):
    """A tmpfs whose size can be changed."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def resize(megabytes, remount="remount,"):
        line = ["mount", "-t", "tmpfs", "-o", f"{remount}size={megabytes}m", "tmpfs", str(disk)]
        return subprocess.run(line, capture_output=True, check=False).returncode == 0

    if os.geteuid() != 0 or not resize(1, remount=""):
        pytest.skip("mounting a tmpfs is not permitted here")
    yield disk, resize
    subprocess.run(["umount", str(disk)], check=True)
