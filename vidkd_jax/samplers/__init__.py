"""Clip samplers: from a video's number of frames to the numbers of the frames that make its clips.

A sampler is a pure function of the number of frames and of uniform random numbers. It returns frame
numbers int64 [n, t]: n clips that belong together, of t frames each. Numbers lie in
0..num_frames-1; where a video is too short its last frame is repeated (TY, section III.C.1).
"""

from vidkd_jax.samplers.contiguous import Contiguous
from vidkd_jax.samplers.frames import (
    frames_at,
    grid_starts,
    pick,
    places,
    start_beside,
    still,
    still_places,
)
from vidkd_jax.samplers.sampler import Sampler
from vidkd_jax.samplers.saved import as_json, from_json, register
from vidkd_jax.samplers.segments import Segments
from vidkd_jax.samplers.tuples import Tuples

__all__ = [
    "Contiguous",
    "Sampler",
    "Segments",
    "Tuples",
    "as_json",
    "frames_at",
    "from_json",
    "grid_starts",
    "pick",
    "places",
    "register",
    "start_beside",
    "still",
    "still_places",
]
