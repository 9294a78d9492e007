"""What a person should know of a video's answer, a line each."""

from vidkd_jax.inference.choice import Choice
from vidkd_jax.inference.pair import Pair
from vidkd_jax.inference.tracked import Tracked

_DRIFT = 0.5  # seconds, from which on clips are hard to find by their times


def notices(video: Tracked, choice: Choice, pair: Pair) -> tuple[str, ...]:
    """Returns the lines; each begins with what is the matter, and with the video's name."""
    end, name = video.end, video.source.name
    assert end is not None and video.order is not None
    found = []
    if end.num_damaged:
        found.append(f"damaged: {name}: FFmpeg had to patch frames")
    if end.num_frames < pair.own.span:
        found.append(
            f"short: {name}: has {end.num_frames} frames, a clip has {pair.own.span}; its last "
            "frame is repeated"
        )
    if end.drift > _DRIFT and end.fps:
        found.append(
            f"uneven: {name}: its frames come at uneven times, and times of clips, which go by its "
            f"average rate, are off by up to {end.drift:.1f} s; a run with data.fps goes by the "
            "frames' own times"
        )
    if choice.k is not None and choice.k > end.num_clips:
        found.append(
            f"few clips: {name}: has {end.num_clips}, fewer than --k={choice.k}; all count"
        )
    if end.error is not None:
        found.append(f"ended: {name}: {end.error.cause}; the clips before count")
    if video.source.live:
        if not end.fps:
            found.append(f"no times: {name}: does not say how many frames a second it has")
        held = min(choice.wanted(end.num_clips) - choice.k_student, end.num_clips)
        if choice.seconds is None and len(video.order) < held:  # else time may be why
            found.append(
                f"forgotten: {name}: memory holds {len(video.order)} clips of a stream, fewer than "
                f"the {held} that were asked for; those count"
            )
    return tuple(found)
