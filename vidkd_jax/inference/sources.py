"""From a video to the clips that are wanted of it, decoded once.

A source is read in one of two ways:

- in one pass: clips are cut as the frames come. The number of frames need not be known, so this is
  the way for cameras and pipes, and memory holds one clip's frames;
- by number: where few clips of a file are wanted, these are sought and nothing else is decoded.
"""

import dataclasses
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path

import numpy as np

from vidkd_jax import samplers, video
from vidkd_jax.data.clips import ClipSpec, centre_crop
from vidkd_jax.samplers import Contiguous, Sampler
from vidkd_jax.video import VideoError, VideoStream

# For each clip: its number, its span, and the frames that it shows, int64 [n, t].
Plan = Sequence[tuple[int, tuple[int, int], np.ndarray]]
_SEEK_BELOW = 1 / 3  # of a video's clips: more of them are found faster by decoding all


@dataclasses.dataclass(frozen=True)
class Source:
    """A video.

    Attributes:
      name: path of the file, or name of the live source.
      live: whether it is a camera, a pipe or an address: of unknown length, read once.
    """

    name: str
    live: bool = False


@dataclasses.dataclass(frozen=True)
class Clip:
    """A clip of a video.

    Attributes:
      number: its place among the clips that the video has.
      span: its first frame, and the one after its last, of those that the teacher sees.
      pixels: uint8 [n, t, h, w, 3], every frame that any network sees.
    """

    number: int
    span: tuple[int, int]
    pixels: np.ndarray


@dataclasses.dataclass(frozen=True)
class End:
    """The end of a video.

    Attributes:
      num_clips: that the video has, n; 0 where it could not be read.
      num_frames: at the clips' frame rate.
      fps: frames a second of these; 0: not known.
      num_damaged: frames that FFmpeg had to patch, of those that were decoded.
      seconds: of processor time that reading took; waiting for a live source does not count.
      drift: seconds that a clip's time may be wrong by, where frames come at uneven times.
      error: why the video cannot be read, or why a live source ended.
    """

    num_clips: int = 0
    num_frames: int = 0
    fps: float = 0.0
    num_damaged: int = 0
    seconds: float = 0.0
    drift: float = 0.0
    error: VideoError | None = None


@dataclasses.dataclass(frozen=True)
class Reading:
    """Which clips of a video are read, and how.

    Attributes:
      spec: of the clips; they hold every frame that any network sees.
      own: the teacher's frames, for the clips' spans.
      short_side: that frames are resized to, in pixels.
      fps: frames a second that videos are brought to; 0: as filmed.
      most: clips that a video has at most, spread evenly; None: all that do not overlap.
      choose: from (number of the source, number of clips) to the clips that are wanted, where that
        does not depend on their pixels; None: all.
      ended: whether live sources are to end now; None: they end by themselves.
    """

    spec: ClipSpec
    own: Sampler
    short_side: int
    fps: float = 0.0
    most: int | None = None
    choose: Callable[[int, int], np.ndarray] | None = None
    ended: Callable[[], bool] | None = None

    @property
    def needs_length(self) -> bool:
        """Whether the clips depend on the number of frames."""
        regular = isinstance(self.spec.sampler, Contiguous)
        return not regular or self.most is not None or self.choose is not None

    def grid(self, clips: Sampler, num_frames: int) -> np.ndarray:
        """Returns the frames of a video's clips, int64 [m, n, t]."""
        return clips.grid(num_frames, self.most)

    def takes_all(self, num_frames: int) -> bool:
        """Whether all clips of a video are wanted, and can be cut as its frames come."""
        regular = isinstance(self.own, Contiguous) and self.choose is None
        return regular and len(self.grid(self.own, num_frames)) == len(
            self.own.grid(num_frames, None)
        )


def read(reading: Reading, index: int, source: Source) -> Iterator[Clip | End]:
    """Yields a video's clips, numbers rising, and its end."""
    started = time.thread_time()
    try:
        for found in _read(reading, index, source):
            if isinstance(found, End):
                found = dataclasses.replace(found, seconds=time.thread_time() - started)
            yield found
    except VideoError as error:
        yield End(error=error)


def _read(reading: Reading, index: int, source: Source) -> Iterator[Clip | End]:
    if source.live or not reading.needs_length:
        yield from _stream(reading, source)
        return
    path = Path(source.name)
    seekable = video.glance(path, fps=reading.fps)
    info = seekable or video.probe(path, fps=reading.fps)
    own = reading.grid(reading.own, info.num_frames)
    if reading.takes_all(info.num_frames):
        yield from _stream(reading, source)
        return
    shown, wanted = reading.grid(reading.spec.sampler, info.num_frames), np.arange(len(own))
    if reading.choose is not None:
        wanted = np.sort(reading.choose(index, len(own)))
    plan = [(number, _span(own[number]), shown[number]) for number in wanted.tolist()]
    filling = max(info.num_frames // shown[0].size, 1)  # clips that fill the video
    by_number = seekable is not None and len(plan) < _SEEK_BELOW * filling
    damaged = yield from (_sought if by_number else _passed)(reading, path, plan)
    fps = reading.fps or info.fps
    drift = video.drift(path) if seekable and not reading.fps else info.drift
    yield End(len(own), info.num_frames, fps, max(damaged, info.num_damaged), drift=drift)


def reread(reading: Reading, source: Source, num_frames: int, number: int) -> Clip:
    """Returns a clip of a file, by its frames' numbers."""
    own, shown = (
        reading.grid(reading.own, num_frames)[number],
        reading.grid(reading.spec.sampler, num_frames)[number],
    )
    return Clip(number, _span(own), _by_number(reading, Path(source.name), shown)[0])


def _by_number(reading: Reading, path: Path, shown: np.ndarray) -> tuple[np.ndarray, int]:
    """Returns the windows of frames [n, t], uint8 [n, t, h, w, 3], and how many are damaged."""
    numbers, inverse = np.unique(shown, return_inverse=True)
    found, num_damaged = video.read_counted(
        path, numbers.tolist(), short_side=reading.short_side, fps=reading.fps
    )
    windows = np.stack([window(frame, reading.spec.crop, path) for frame in found])
    return windows[inverse.reshape(shown.shape)], num_damaged


def _sought(reading: Reading, path: Path, plan: Plan) -> Generator[Clip, None, int]:
    """Yields clips that are each read by their frames' numbers; returns how many are damaged."""
    total = 0
    for number, span, shown in plan:
        pixels, num_damaged = _by_number(reading, path, shown)
        total += num_damaged
        yield Clip(number, span, pixels)
    return total


def _passed(reading: Reading, path: Path, plan: Plan) -> Generator[Clip, None, int]:
    """Yields clips in one pass over the video; returns the number of damaged frames."""
    last_needed = {frame: i for i, (*_, shown) in enumerate(plan) for frame in set(shown.flat)}
    waiting: dict[int, np.ndarray] = {}
    place = 0
    with VideoStream(path, short_side=reading.short_side, fps=reading.fps) as stream:
        for number, frame in enumerate(stream):
            if number in last_needed:
                waiting[number] = window(frame, reading.spec.crop, path)
            while place < len(plan) and number >= plan[place][-1].max():
                clip, span, shown = plan[place]
                pixels = np.stack([waiting[each] for each in shown.ravel().tolist()])
                yield Clip(clip, span, pixels.reshape(*shown.shape, *pixels.shape[1:]))
                waiting = {n: w for n, w in waiting.items() if last_needed[n] > place}
                place += 1
            if place == len(plan):
                return stream.num_damaged
    raise VideoError(path, f"frame {max(last_needed)} was requested, but the video is shorter")


def _stream(reading: Reading, source: Source) -> Iterator[Clip | End]:
    """Yields the clips of a video of unknown length as its frames come, and its end."""
    clips, error = reading.spec.sampler, None
    if not isinstance(clips, Contiguous):
        raise VideoError(
            source.name, f"a stream has no known length, but the run sees {clips.describe()}"
        )
    pass_over = VideoStream(
        source.name, short_side=reading.short_side, fps=reading.fps, live=source.live
    )
    with pass_over as stream:
        cut = _Cut(clips, reading)
        try:
            for frame in stream:
                yield from cut.add(window(frame, reading.spec.crop, source.name))
                if source.live and reading.ended is not None and reading.ended():
                    error = VideoError(source.name, "was ended by hand")
                    break
        except VideoError as broken:
            if not source.live:
                raise
            error = broken  # a stream that ends is a video that ends
        if error is not None and not cut.num_frames:
            raise error
        yield from cut.rest()
        fps = reading.fps or stream.fps
        counted = cut.number, cut.num_frames, fps, stream.num_damaged
        yield End(*counted, drift=stream.drift, error=error)


class _Cut:
    """Cuts contiguous clips from frames as they come, and holds no more frames than needed.

    Attributes:
      number: of clips so far.
      num_frames: so far.
    """

    def __init__(self, clips: Contiguous, reading: Reading) -> None:
        self._clips, self._reading = clips, reading
        self._kept: deque[np.ndarray] = deque()
        self.number = self.num_frames = 0

    @property
    def _start(self) -> int:
        """The first frame of the next clip; see `samplers.grid_starts`."""
        return self.number * self._clips.step

    def add(self, frame: np.ndarray) -> Iterator[Clip]:
        """Takes a frame; yields the clips that it completes."""
        self._kept.append(frame)
        self.num_frames += 1
        reach = max(self._clips.span, self._clips.offsets[-1] + 1)
        while self._start + reach <= self.num_frames:
            yield self._next()

    def rest(self) -> Iterator[Clip]:
        """Yields the clips whose further frames lie behind the end; of a short video, one."""
        while self._start + self._clips.span <= self.num_frames or not self.number:
            yield self._next()

    def _next(self) -> Clip:
        own, shown = (
            samplers.frames_at(self._start, clips.offsets or (), self.num_frames)
            for clips in (self._reading.own, self._clips)
        )
        first = self.num_frames - len(self._kept)
        pixels = np.stack([self._kept[number - first] for number in shown.tolist()])
        clip = Clip(self.number, _span(own), pixels[None])
        self.number += 1
        needed = max(self._start + self._clips.offsets[0], 0)
        while len(self._kept) > 1 and self.num_frames - len(self._kept) < needed:
            self._kept.popleft()
        return clip


def window(frame: np.ndarray, crop: int, name: str | Path) -> np.ndarray:
    """Returns the square window in the middle of a frame, uint8 [crop, crop, 3].

    Raises:
      VideoError: the frame is smaller.
    """
    height, width = frame.shape[:2]
    if min(height, width) < crop:
        raise VideoError(
            name, f"frames of {width}x{height} pixels are smaller than a clip ({crop}x{crop})"
        )
    top, left = centre_crop(height, width, crop)
    return frame[top : top + crop, left : left + crop].copy()


def _span(frames: np.ndarray) -> tuple[int, int]:
    return int(frames.min()), int(frames.max()) + 1
