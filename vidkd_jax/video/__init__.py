"""Video files in, uint8 RGB frames out, and the other way round. NumPy and PyAV only."""

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
