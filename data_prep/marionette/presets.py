"""The presets: number and length of the videos, and the strength of each nuisance."""

from dataclasses import dataclass

from data_prep.marionette.actions import CLASS_NAMES

WIDTH, HEIGHT, FPS = 128, 112, 25


@dataclass(frozen=True)
class Nuisance:
    """Ranges of what varies inside a class. Each is symmetric under time reversal.

    A fraction `easy` of the videos varies only in these ranges. The other videos have a hardness of
    up to 1. It reduces contrast, size and the part of the motion that is shown, and adds posts,
    curtains and bystanders. The easy videos let a network find the motion; the hard ones keep
    accuracy away from 100 %.
    """

    easy: float = 0.4
    motion_frames: tuple[int, int] = (12, 16)  # a motion fits into 16 frames
    margin: int = 5  # least number of still frames before and after a motion
    # Positions of the figure (from the left) and of the floor (from the top), in frame heights. The
    # range is so wide that the position of the figure does not show whether it has walked.
    x: tuple[float, float] = (0.30, 0.75)
    floor: tuple[float, float] = (0.84, 0.94)
    style: float = 6.0  # largest change of each joint angle in a video, in degrees
    camera: float = 1.0  # factor on pan and zoom
    light: float = 1.0  # factor on gain, tint and flicker
    noise: tuple[int, int] = (0, 8)  # half the width of the pixel noise, in levels of 255
    distractors: tuple[int, int] = (0, 2)  # moving things in the background


@dataclass(frozen=True)
class Preset:
    """One benchmark: `groups` actors, each of which performs every class `clips` times.

    Of these actors `tested` are for testing, a third of all where it is None.
    """

    name: str
    groups: int
    frames: tuple[int, int]
    clips: int = 1
    tested: int | None = None
    nuisance: Nuisance = Nuisance()
    takes: tuple[int, int] | None = None  # performances in an untrimmed video; None: one (trimmed)

    @property
    def num_videos(self) -> int:
        """Number of videos of the preset."""
        return self.groups * self.clips * len(CLASS_NAMES)

    def test_groups(self, split: int) -> list[int]:
        """Returns the test groups (from 1) of split 1, 2 or 3; thirds of all are disjoint."""
        third = self.groups // 3
        count = third if self.tested is None else self.tested
        return [((split - 1) * third + i) % self.groups + 1 for i in range(count)]


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
        # A video is two clips of 16 frames and hardly more. So the clips of a video and of its
        # reversed twin hold the same frames, and one frame of each clip cannot show the direction.
        # 72 groups are for testing (1,008 videos). Of the other 144, data.val_fraction in the
        # configs takes 59 for validation and leaves 1,190 training videos.
        Preset("standard", groups=216, frames=(32, 34)),
        # As standard, with 288 groups for testing (4,032 videos), so that studies see differences
        # of a point. Another 144 train and validate, as many as in standard.
        Preset("study", groups=432, frames=(32, 34), tested=288),
        # Rendered with a seed of its own, these are other actors than the students': 360 train and
        # validate. A teacher that was trained on its students' videos knows them by heart.
        Preset("teachers", groups=432, frames=(32, 34), tested=72),
        # A video holds three clips of 16 frames and what lies between them, for methods that learn
        # without labels from tuples of clips. As many groups train and test as in standard.
        Preset("long", groups=216, frames=(96, 128), takes=(3, 4), tested=72),
        # A video is 15 to 40 clips of 16 frames. 90 groups are for testing (1,260 videos): what
        # clips are worth a look makes differences of one to four points. Of the other 60,
        # data.val_fraction in the configs takes 12 for validation.
        Preset("untrimmed", groups=150, frames=(240, 640), takes=(3, 8), tested=90),
    )
}
