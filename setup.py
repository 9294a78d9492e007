"""Packaging. `pip install -e .` for use, `pip install -e '.[test]'` to run the tests."""

from setuptools import find_packages, setup

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
TEST = ["pytest", "pytest-xdist", "scipy", *FLOW]

setup(
    name="vidkd_jax",
    version="0.1.0",
    description="Knowledge distillation for video action recognition in JAX",
    license="Apache-2.0",
    packages=find_packages(include=["vidkd_jax*", "data_prep*"]),
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
