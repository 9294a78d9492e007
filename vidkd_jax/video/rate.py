"""Shows a video at another frame rate: at each moment the frame that is nearest in time."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

Frame = TypeVar("Frame")

# A longer gap, like a step back, is where recordings with clocks of their own were joined, in a
# file of one clock, such as an .mp4, damage: its pauses are shown.
_LONGEST_GAP = 60.0
LONGEST_PAUSE = 3600.0
_MOST_SPREAD = 1.5  # of rates, beyond which a clip of some frames means different times
_TIE = 1e-6  # of two frames that are equally near, the earlier one is shown


def at_rate(
    frames: Iterable[tuple[Frame, float | None]],
    fps: float,
    own_fps: float,
    longest_gap: float = _LONGEST_GAP,
) -> Iterator[Frame]:
    """Yields the frames nearest to the times 0, 1/fps, 2/fps, ... after the first frame.

    So frames are left out where the video has more than `fps` a second, and repeated where it has
    fewer. The result is as long as the video, and one frame at least.

    Args:
      frames: Each frame and its time in seconds; None means that the file does not say.
      fps: Frames per second of the result.
      own_fps: Average frames per second of the video.
      longest_gap: Seconds between two frames, beyond which the second follows at the average rate.
    """
    period = min(1 / own_fps, _LONGEST_GAP)  # a damaged file may name any rate
    shown, shift, time = 0, 0.0, 0.0
    last: list[Frame] = []
    for frame, stamp in frames:
        if not last:
            shift = -(stamp or 0.0)
        else:
            found = time + period if stamp is None else stamp + shift
            if not 0 <= found - time <= longest_gap:
                shift += time + period - found
                found = time + period
            while shown / fps <= (time + found) / 2 + _TIE:
                yield last[0]
                shown += 1
            time = found
        last = [frame]
    while last and (not shown or shown / fps < time + period / 2 - _TIE):
        yield last[0]
        shown += 1


def describe_rates(rates: Mapping[str, float]) -> str:
    """Returns what to say if the frame rates of videos differ by more than half, or "".

    Args:
      rates: Frames per second by the name of the video; 0 where it is not known.
    """
    known = {name: rate for name, rate in rates.items() if rate > 0}
    if not known:
        return ""
    slowest, fastest = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
    spread = known[fastest] / known[slowest]
    if spread <= _MOST_SPREAD:
        return ""
    (usual, count), *_ = Counter(round(rate, 2) for rate in known.values()).most_common(1)
    return (
        f"frame rates differ: from {known[slowest]:.4g} ('{slowest}') to {known[fastest]:.4g} a "
        f"second ('{fastest}'), most often {usual:g} ({count} of {len(known)} videos), so a clip "
        f"lasts up to {spread:.2g} times as long in one video as in another"
    )
