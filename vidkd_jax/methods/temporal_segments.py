"""Labels alone, on sparse clips: temporal segment networks (TSN; Wang et al. 2016)."""

import dataclasses
from typing import ClassVar

from vidkd_jax.methods.supervised import Supervised
from vidkd_jax.samplers import Sampler, Segments


@dataclasses.dataclass(frozen=True)
class TemporalSegments(Supervised):
    """Supervised, where a clip is one random frame of each of `data.frames` parts of the video."""

    tested_by: ClassVar[tuple[str, ...]] = (*Supervised.tested_by, "features")

    def sampler(self, frames: int, stride: int) -> Sampler:
        """Returns the sampler of one sparse clip, which has no stride."""
        del stride
        return Segments(frames)
