"""Reads records or video files into batches of clips, with NumPy on the host and without JAX."""

from vidkd_jax.data.modalities import PairedDataset, open_records
from vidkd_jax.data.pipeline import EvalBatches, EvalClips, TrainBatches, passes_per_epoch
from vidkd_jax.data.record_sets import RecordSet
from vidkd_jax.data.records import RecordDataset
from vidkd_jax.data.splits import Splits, Subset, load_splits
from vidkd_jax.data.videos import Video, VideoDataset

__all__ = [
    "EvalBatches",
    "EvalClips",
    "PairedDataset",
    "RecordDataset",
    "RecordSet",
    "Splits",
    "Subset",
    "TrainBatches",
    "Video",
    "VideoDataset",
    "load_splits",
    "open_records",
    "passes_per_epoch",
]
