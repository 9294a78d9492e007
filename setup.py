"""Packaging: `pip install -e .` to use the library, `pip install -e '.[test]'` to test it."""

import re
from pathlib import Path

from setuptools import find_packages, setup

# The version is written in the package and read as text, because importing the package could need
# packages that are not installed yet.
INIT = Path(__file__).with_name("vidkd_jax") / "__init__.py"
VERSION = re.findall(r'^__version__ = "(.+)"$', INIT.read_text(), re.MULTILINE)[0]
# The files of configs/ are installed with the package; see vidkd_jax/settings/config_files.py.
CONFIGS = {"vidkd_jax.configs": "configs", "vidkd_jax.configs.tables": "configs/tables"}

CORE = [
    "absl-py",
    "array_record",
    "av>=18",  # contains FFmpeg: decodes users' videos, encodes the built-in videos
    "chex>=0.1.90",
    "flax>=0.12",
    "grain>=0.2.16",
    "jax>=0.10",
    "matplotlib",  # draws the pictures of the report
    "ml-collections>=1.0",
    "numpy>=2",
    "opencv-python-headless>=4.10",  # anti-aliased resizing, DIS flow, the built-in renderer
    "optax>=0.2.6",
    "orbax-checkpoint>=0.12.7",  # in earlier versions `Checkpointer` cannot delete
    "protobuf",  # parses records; TFDS depends on it, too
    "scikit-learn",  # the linear probe
    "simplejpeg>=1.8",  # releases the GIL while it decodes, so threads are enough
    "tensorboardX>=2.6",
    "tensorflow-datasets>=4.9.9",
    "tqdm",
]
# torch is for comparisons in tests and benchmarks, and reads public weights. Training never needs
# it. The version is exact so that pip picks the CPU build (2.13.0+cpu) if an index or a folder of
# wheels has it. With a range, pip would install the newest version, with gigabytes of CUDA.
TORCH = ["torch==2.13.0"]
CONVERT = [*TORCH, "h5py", "safetensors"]
# For TV-L1 optical flow (`python -m data_prep.flow --algorithm=tvl1`). DIS needs only OpenCV.
FLOW = ["scikit-image>=0.24"]
# `jax.export` writes its files with it, and JAX does not depend on it.
EXPORT = ["flatbuffers"]
LINT = ["import-linter", "mypy", "pre-commit", "ruff"]
# A test builds the wheel with setuptools; since 70.1 that needs no other package.
TEST = ["pytest", "pytest-xdist", "scipy", "setuptools>=70.1", *FLOW, *EXPORT]

setup(
    name="vidkd_jax",
    version=VERSION,
    description="Knowledge distillation for video action recognition in JAX",
    license="Apache-2.0",
    packages=[*find_packages(include=["vidkd_jax*", "data_prep*"]), *CONFIGS],
    package_dir=CONFIGS,
    package_data={"vidkd_jax": ["py.typed"], "data_prep": ["py.typed"]},
    python_requires=">=3.11",
    install_requires=CORE,
    extras_require={
        "export": EXPORT,
        "flow": FLOW,
        "test": TEST,
        "convert": CONVERT,
        "parity": TEST + CONVERT,
        "bench": TORCH,
        "dev": TEST + LINT,
    },
)
