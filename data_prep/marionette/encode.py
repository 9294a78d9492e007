"""Writes frames as a real video file: H.264 in .mp4 or MPEG-4 part 2 in .avi."""

from pathlib import Path

import av
import numpy as np

_LAMBDA_PER_QP = 118  # FF_QP2LAMBDA of FFmpeg: the unit of `global_quality`
_CODECS = {
    # Visually clean: compression trails behind what moves, and must not tell the direction.
    ".mp4": ("libx264", {"crf": "16", "preset": "veryfast", "x264-params": "threads=1"}),
    ".avi": ("mpeg4", {"flags": "+qscale", "global_quality": str(2 * _LAMBDA_PER_QP)}),
}


def write_video(path: Path, frames: np.ndarray, fps: int) -> None:
    """Encodes frames [t, h, w, 3] (uint8 RGB) to `path`; the same frames give the same bytes."""
    codec, options = _CODECS[path.suffix]
    flags = options.get("flags", "") + "+bitexact"
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(codec, rate=fps, options={**options, "flags": flags})
        assert isinstance(stream, av.VideoStream)
        stream.codec_context.thread_count = 1
        stream.pix_fmt = "yuv420p"
        stream.height, stream.width = frames.shape[1:3]
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
