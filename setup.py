"""Packaging. `pip install -e .` for use, `pip install -e '.[test]'` to run the tests."""

import re
from pathlib import Path

from setuptools import find_packages, setup

# The version is written in the package. It is read as text: importing could need what is not
# installed yet.
INIT = Path(__file__).with_name("vidkd_jax") / "__init__.py"
VERSION = re.findall(r'^__version__ = "(.+)"$', INIT.read_text(), re.MULTILINE)[0]
# The files of configs/ travel in the package: see vidkd_jax/settings/config_files.py.
CONFIGS = {"vidkd_jax.configs": "configs", "vidkd_jax.configs.tables": "configs/tables"}

CORE = [
    "absl-py",
    "array_record",
    "av>=18",  # self-contained FFmpeg: decodes what users bring, encodes the built-in videos
    "chex>=0.1.90",
    "flax>=0.12",
    "grain>=0.2.16",
    "jax>=0.10",
    "matplotlib",  # the report's pictures
    "ml-collections>=1.0",
    "numpy>=2",
    "opencv-python-headless>=4.10",  # anti-aliased resizing, the built-in renderer
    "optax>=0.2.6",
    "orbax-checkpoint>=0.12.7",  # before, `Checkpointer` cannot delete
    "protobuf",  # of the records; TFDS has it
    "scikit-learn",  # the linear probe
    "simplejpeg>=1.8",  # releases the GIL while decoding: threads suffice
    "tensorboardX>=2.6",
    "tensorflow-datasets>=4.9.9",
    "tqdm",
]
# torch is a yardstick for tests and benchmarks and a reader of other people's weights; never needed
# at run time. Exactly one version, so that pip finds its CPU build (2.13.0+cpu) where an index or a
# folder of wheels has that: a range would go on to the newest, with gigabytes of CUDA libraries.
TORCH = ["torch==2.13.0"]
CONVERT = [*TORCH, "h5py", "safetensors"]
# TV-L1 optical flow (`python -m data_prep.flow --algorithm=tvl1`); DIS is in OpenCV's main package.
FLOW = ["scikit-image>=0.24"]
LINT = ["import-linter", "mypy", "pre-commit", "ruff"]
# setuptools: a test builds the wheel; since 70.1 that needs no other package.
TEST = ["pytest", "pytest-xdist", "scipy", "setuptools>=70.1", *FLOW]

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
        "flow": FLOW,
        "test": TEST,
        "convert": CONVERT,
        "parity": TEST + CONVERT,
        "bench": TORCH,
        "dev": TEST + LINT,
    },
)
