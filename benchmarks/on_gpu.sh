#!/usr/bin/env bash
# Measures this project on a GPU beside PyTorch, in one command of at most 8 minutes.
#
#     bash benchmarks/on_gpu.sh [OUT_FOLDER] [FLAGS]     --help shows the flags
#     bash benchmarks/on_gpu.sh --dry_run                tests the same with tiny networks on a CPU
#
# The Python in $PYTHON (default: python3) needs jax and torch with CUDA, flax, optax, chex, numpy.
set -euo pipefail
PYTHONPATH="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONPATH
exec "${PYTHON:-python3}" -m benchmarks.on_gpu "$@"
