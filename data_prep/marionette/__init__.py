"""Marionette: procedurally rendered videos of a figure performing actions, as real video files.

A benchmark for telling video methods apart without a network: every class but its time-reversed
twin shares its frames with the twin, every actor performs every class, and validation and test
actors are unseen. `python -m data_prep.marionette --preset=tiny --out=DIR` writes encoded files in
UCF101's layout with lists and one JSON sidecar of latent variables a video.
"""
