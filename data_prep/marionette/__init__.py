"""Marionette: procedurally rendered videos of a figure that performs actions, as video files.

Marionette is a benchmark that needs no download. The two classes of a pair show the same frames in
opposite order. Every actor performs every class, and the actors of the validation and test videos
do not occur in training. `python -m data_prep.marionette --preset=tiny --out=DIR` writes encoded
files in UCF101's layout, lists, and for each video a JSON sidecar with its latent variables.
"""
