"""Shows a video at another frame rate: at each moment the frame that is nearest in time."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

Frame = TypeVar("Frame")

# A longer gap, like a step back, is where recordings with clocks of their own were joined.
_LONGEST_GAP = 60.0
_TIE = 1e-6  # of two frames that are equally near, the earlier one is shown


def at_rate(
    frames: Iterable[tuple[Frame, float | None]], fps: float, own_fps: float
) -> Iterator[Frame]:
    """Yields the frames nearest to the times 0, 1/fps, 2/fps, ... after the first frame.

    So frames are left out where the video has more than `fps` a second, and repeated where it has
    fewer. The result is as long as the video.

    Args:
      frames: Each frame and its time in seconds; None means that the file does not say.
      fps: Frames per second of the result.
      own_fps: Average frames per second of the video.
    """
    period = 1 / own_fps
    shown, shift, time = 0, 0.0, 0.0
    last: list[Frame] = []
    for frame, stamp in frames:
        if not last:
            shift = -(stamp or 0.0)
        else:
            found = time + period if stamp is None else stamp + shift
            if not 0 <= found - time <= _LONGEST_GAP:
                shift += time + period - found
                found = time + period
            while shown / fps <= (time + found) / 2 + _TIE:
                yield last[0]
                shown += 1
            time = found
        last = [frame]
    while last and shown / fps < time + period / 2 - _TIE:
        yield last[0]
        shown += 1
