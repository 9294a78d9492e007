"""Converts public weights to Flax variables; the command is `python -m vidkd_jax.convert`."""
