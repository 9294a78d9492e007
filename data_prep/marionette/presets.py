"""The presets: how many videos, how long, and how strong each nuisance is."""

from dataclasses import dataclass

from data_prep.marionette.actions import CLASS_NAMES

WIDTH, HEIGHT, FPS = 128, 112, 25


@dataclass(frozen=True)
class Nuisance:
    """Ranges of what varies inside a class. Each is symmetric under time reversal.

    `easy` of the videos vary by these ranges alone. The others have a hardness up to 1 that also
    takes contrast, size and parts of the motion away and puts posts, curtains and bystanders in
    the way: the easy ones let a network find the motion, the hard ones keep the benchmark from
    being solved.
    """

    easy: float = 0.4
    motion_frames: tuple[int, int] = (12, 16)  # a motion lies inside a window of 16 frames
    margin: int = 5  # frames of stillness that at least precede and follow it
    # Where the figure stands and the floor is, in frame heights from the left and the top: so far
    # apart that where the figure is does not tell whether it walked there.
    x: tuple[float, float] = (0.30, 0.75)
    floor: tuple[float, float] = (0.84, 0.94)
    style: float = 6.0  # degrees by which each joint of a video's poses may be off
    camera: float = 1.0  # factor on pan and zoom
    light: float = 1.0  # factor on gain, tint and flicker
    noise: tuple[int, int] = (0, 8)  # half-width of the pixel noise, of 255
    distractors: tuple[int, int] = (0, 2)  # moving things in the background


@dataclass(frozen=True)
class Preset:
    """One benchmark: `groups` actors, each performing every class `clips` times."""

    name: str
    groups: int
    frames: tuple[int, int]
    clips: int = 1
    nuisance: Nuisance = Nuisance()
    takes: tuple[int, int] | None = None  # performances in an untrimmed video; trimmed: one

    @property
    def num_videos(self) -> int:
        """How many videos the preset renders."""
        return self.groups * self.clips * len(CLASS_NAMES)

    def test_groups(self, split: int) -> range:
        """The groups (from 1) tested in split 1, 2 or 3: disjoint thirds; all others train."""
        third = self.groups // 3
        return range((split - 1) * third + 1, split * third + 1)


_MILD = Nuisance(
    easy=1.0,
    x=(0.46, 0.60),
    floor=(0.86, 0.92),
    style=4.0,
    camera=0.5,
    light=0.5,
    noise=(0, 3),
    distractors=(0, 1),
)

PRESETS = {
    preset.name: preset
    for preset in (
        Preset("tiny", groups=24, frames=(32, 36), nuisance=_MILD),
        Preset("small", groups=72, frames=(32, 34)),
        # Two clips of 16 frames and hardly more: a video and its reversed twin then cut into the
        # same frames, so that one frame of each clip is exactly blind to the direction.
        # 72 test groups (1,008 videos); 144 others, of which the
        # configs' data.val_fraction lets 59 validate: 1,190 training videos.
        Preset("standard", groups=216, frames=(32, 34)),
        # 15 to 40 clips of 16 frames.
        Preset("untrimmed", groups=60, frames=(240, 640), takes=(3, 8)),
    )
}
