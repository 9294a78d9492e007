"""Reads video files as uint8 RGB frames, and writes frames to video files, with PyAV."""

from vidkd_jax.video.errors import VideoError
from vidkd_jax.video.random_access import read_frames
from vidkd_jax.video.reader import VideoInfo, VideoStream, file_status, iter_frames, probe
from vidkd_jax.video.writer import write_video

__all__ = [
    "VideoError",
    "VideoInfo",
    "VideoStream",
    "file_status",
    "iter_frames",
    "probe",
    "read_frames",
    "write_video",
]
