"""The parts of a run, from a config as users have it."""

from vidkd_jax.run.building import Run, build_run
from vidkd_jax.settings.config import read


def build(config) -> Run:
    """Returns the parts of the run that a `ConfigDict` describes."""
    return build_run(read(config))
