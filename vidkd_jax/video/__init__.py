"""Reads video files as uint8 RGB frames, and writes frames to video files, with PyAV."""

from vidkd_jax.video.errors import VideoError
from vidkd_jax.video.opening import file_status, is_live
from vidkd_jax.video.random_access import drift, glance, read_counted, read_frames
from vidkd_jax.video.reader import VideoInfo, VideoStream, iter_frames, probe
from vidkd_jax.video.writer import write_video

__all__ = [
    "VideoError",
    "VideoInfo",
    "VideoStream",
    "drift",
    "file_status",
    "glance",
    "is_live",
    "iter_frames",
    "probe",
    "read_counted",
    "read_frames",
    "write_video",
]
