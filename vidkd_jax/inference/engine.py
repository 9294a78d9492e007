"""Streams videos through a sampler and a teacher, in device batches that many videos share.

A video is decoded once. Its clips go to the sampler as they come, the pixels of the best so far are
kept, and when the video ends the chosen ones go to the teacher. Without a sampler the clips are
chosen before they are read, and go to the teacher at once. Memory does not grow with a video's
length but for the clips' scores.
"""

import dataclasses
import math
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing

import numpy as np

from vidkd_jax.errors import InputError
from vidkd_jax.inference import selectors
from vidkd_jax.inference.aggregation import affordable, is_sure
from vidkd_jax.inference.answers import Failure, VideoAnswer
from vidkd_jax.inference.batching import Batcher, Step
from vidkd_jax.inference.candidates import Candidates
from vidkd_jax.inference.choice import Choice
from vidkd_jax.inference.lanes import read_ahead
from vidkd_jax.inference.loaded import CONFIDENCE
from vidkd_jax.inference.notices import notices
from vidkd_jax.inference.pair import Pair
from vidkd_jax.inference.selectors import Evidence
from vidkd_jax.inference.sources import Clip, End, Source, reread
from vidkd_jax.inference.tracked import Tracked
from vidkd_jax.runtime.cores import usable_cores
from vidkd_jax.samplers import Contiguous
from vidkd_jax.video import VideoError

_MOST_VIDEOS = 8  # that are read at the same time
# Of the pixels of one video's candidates, and of those of all together; others are read again.
_HELD_BYTES, _HELD_TOGETHER = 2**26, 2**29


class Engine:
    """Answers videos with a pair of networks.

    Attributes:
      pair: the networks.
      choice: how clips are chosen.
      reading: which clips are read.
      threads: videos that are decoded at the same time.
    """

    def __init__(
        self,
        pair: Pair,
        choice: Choice,
        *,
        batch_size: int = 0,
        threads: int = 0,
        wrap: Callable[[Step], Step] = lambda step: step,
        ended: Callable[[], bool] | None = None,
        taken: Callable[[], None] = lambda: None,
    ) -> None:
        """Makes an engine; nothing is compiled before the first batch.

        Args:
          pair: the networks.
          choice: how clips are chosen.
          batch_size: clips at a time; 0: as in the evaluation of the teacher's run. The last bits
            of a network's outputs depend on it.
          threads: videos that are decoded at the same time; 0: one a core, up to 8.
          wrap: see `Batcher`.
          ended: see `Reading`.
          taken: called for each clip that has been read.

        Raises:
          InputError: the choice does not fit the networks.
        """
        choice.check(pair)
        self.pair, self.choice, self._wrap, self.taken = pair, choice, wrap, taken
        self.threads = threads or min(usable_cores(), _MOST_VIDEOS)
        self._batch_size = batch_size or pair.cutting.batch_size
        unseen = not (choice.needs_sampler or choice.found.takes_all)
        self.reading = dataclasses.replace(
            pair.reading(choice.max_clips), choose=self._read_first if unseen else None, ended=ended
        )

    def answer(self, sources: Sequence[Source]) -> Generator[VideoAnswer | Failure, None, None]:
        """Yields what is found for each video, in their order, as soon as it is known.

        Raises:
          InputError: a selector that must know the length is given a stream.
        """
        by_rank = self.choice.found.takes_all or self.choice.found.score is not None
        for source in sources:
            if source.live and not by_rank:
                raise InputError(
                    f"--selector={self.choice.selector}: '{source.name}' is a stream, whose length "
                    "nobody knows; use another selector, or record it to a file first"
                )
        return _Pass(self, sources).results()

    def unseen(self, index: int, num_clips: int) -> np.ndarray:
        """Returns the clips of a video that are chosen without having been seen, best first."""
        evidence, k = Evidence(num_clips), self.choice.wanted(num_clips)
        return selectors.choose(self.choice.selector, evidence, k, self.generator(index))

    def _read_first(self, index: int, num_clips: int) -> np.ndarray:
        """Returns the clips that are read before the teacher has answered: all, or the best one."""
        chosen = self.unseen(index, num_clips)
        return chosen if self.choice.stop_at is None else chosen[:1]  # the next ones may not count

    def generator(self, index: int) -> np.random.Generator:
        """Returns the random numbers of a video."""
        return np.random.default_rng((self.choice.seed, index))

    def batchers(self, num_sources: int) -> tuple[Batcher | None, Batcher]:
        """Returns what asks the sampler, if it is needed, and what asks the teacher."""
        choice, size = self.choice, self._batch_size
        if choice.stop_at is not None or choice.seconds is not None:
            size = min(size, num_sources)  # of few videos a large batch would be mostly padding
        elif not choice.found.takes_all:
            size = min(size, num_sources * choice.wanted(1))
        teacher = Batcher(self.pair.teacher, max(size, 1), wrap=self._wrap)
        if not choice.needs_sampler or self.pair.sampler is None:
            return None, teacher
        return Batcher(self.pair.sampler, self._batch_size, wrap=self._wrap), teacher


class _Pass:
    """One pass of an engine over some videos."""

    def __init__(self, engine: Engine, sources: Sequence[Source]) -> None:
        self._engine, self._sources = engine, sources
        self._choice, self._selector = engine.choice, engine.choice.found
        self._average = engine.pair.cutting.average
        self._sampler, self._teacher = engine.batchers(len(sources))
        # A single network that sees all clips has answered them by that.
        self._alone = self._sampler is not None and engine.pair.sampler is engine.pair.teacher
        self._at_once = self._sampler is None and self._choice.stop_at is None
        self._open: deque[tuple[int, Tracked]] = deque()
        self._costs: dict[str, float] = {}  # seconds of a clip, where time limits the choice

    def results(self) -> Generator[VideoAnswer | Failure, None, None]:
        """Yields what is found for each video, in their order."""
        if self._choice.seconds is not None:
            sides = {"teacher": self._teacher, "sampler": self._sampler}
            shape = self._engine.pair.clip_shape
            self._costs = {
                name: each.seconds_per_clip(shape) for name, each in sides.items() if each
            }
        engine = self._engine
        with closing(read_ahead(self._sources, engine.reading, threads=engine.threads)) as read:
            for index, found in read:
                if not self._open or self._open[-1][0] != index:
                    self._open.append((index, self._begin(index)))
                self._take(index, self._open[-1][1], found)
                yield from self._finished()
        while self._open:
            self._flush()
            yield from self._finished()

    def _begin(self, index: int) -> Tracked:
        source, clip = self._sources[index], math.prod(self._engine.pair.clip_shape)
        most = max(_HELD_BYTES // clip, 1)
        if self._choice.stop_at is None and self._choice.seconds is None:
            most = min(most, self._choice.wanted(most))
        elif not source.live:  # as many wait for the teacher as fill a batch, and the next one
            waiting = min(len(self._sources), 2 * self._teacher.size)
            most = max(min(most, _HELD_TOGETHER // waiting // clip), 1)
        return Tracked(source, self._engine.generator(index), Candidates(most))

    def _take(self, index: int, video: Tracked, found: Clip | End) -> None:
        """Takes a clip, or the end of a video."""
        if isinstance(found, End):
            video.end = found
            if not found.num_clips:
                self._fail(video, found.error)
        else:
            video.spans[found.number] = found.span
            self._engine.taken()
            if self._sampler is not None:
                video.unscored[found.number] = found.pixels
                self._sampler.put((video, found.number), found.pixels)
            elif self._at_once and not self._must_wait(video):
                self._ask(video, found.number, found.pixels)
            else:
                video.score(self._selector, found.number, {}, found.pixels)
        self._advance(wait=False)
        if isinstance(found, End) and video.source.live:  # the next one may keep us waiting
            while not video.done:
                self._flush()

    def _must_wait(self, video: Tracked) -> bool:
        """Whether clips come that have not been chosen: of a stream, whose length nobody knows."""
        return video.source.live and not self._selector.takes_all

    def _advance(self, *, wait: bool) -> None:
        """Takes what the networks have answered, chooses, and asks on."""
        if self._sampler is not None:
            for (video, number), rows in self._sampler.ready(wait=wait):
                pixels = video.unscored.pop(number)
                if not video.done:
                    video.score(self._selector, number, rows, pixels)
        for index, video in self._open:
            if video.end and not video.done and video.order is None and not video.unscored:
                self._choose(index, video)
        for (video, number), rows in self._teacher.ready(wait=wait):
            video.answered[number] = rows["logits"]
            video.pending -= 1
            if not video.done and video.order is not None and not video.pending:
                self._go_on(video)

    def _flush(self) -> None:
        """Sends batches that are not full, and waits for them."""
        if self._sampler is not None:
            self._sampler.flush()
            self._advance(wait=True)
        self._teacher.flush()
        self._advance(wait=True)

    def _choose(self, index: int, video: Tracked) -> None:
        """Chooses the clips of a video of which everything is known."""
        assert video.end is not None
        choice, n, rng = self._choice, video.num_clips, self._engine.generator(index)
        k = choice.wanted(n)
        if choice.seconds is not None:
            left = choice.seconds - video.end.seconds
            k = min(k, affordable(left, n, **self._costs) + choice.k_student)
        if k > choice.k_student:
            k_teacher = k - choice.k_student
            video.order = selectors.choose(choice.selector, video.evidence, k_teacher, rng)
        else:
            video.order = np.zeros(0, np.int64)
        if choice.k_student:
            video.students = selectors.choose("entropy", video.evidence, choice.k_student, rng)
        if self._at_once and not self._must_wait(video):
            video.asked = len(video.order)
        elif video.source.live and not self._alone:  # a stream cannot be read again
            video.order = np.array([i for i in video.order.tolist() if i in video.candidates], int)
        if not video.pending:
            self._go_on(video)

    def _go_on(self, video: Tracked) -> None:
        """Asks the teacher about the next clips, or ends the video."""
        assert video.order is not None
        while video.asked < len(video.order):
            stop_at, begin = self._choice.stop_at, video.asked
            if begin and stop_at is not None and self._is_sure(video, stop_at):
                break
            video.asked = len(video.order) if stop_at is None else begin + 1
            for number in video.order[begin : video.asked].tolist():
                if self._alone:
                    video.answered[number] = video.own_logits(number)
                else:
                    try:
                        self._ask(video, number, self._pixels(video, number))
                    except VideoError as error:
                        self._fail(video, error)
                        return
            if video.pending:
                return
        video.done = True
        video.candidates.clear()

    def _is_sure(self, video: Tracked, stop_at: float) -> bool:
        return bool(is_sure(video.probabilities(self._average), stop_at))

    def _ask(self, video: Tracked, number: int, pixels: np.ndarray) -> None:
        video.pending += 1
        self._teacher.put((video, number), pixels)

    def _pixels(self, video: Tracked, number: int) -> np.ndarray:
        """Returns the pixels of a chosen clip, which are read again if they were not kept."""
        if number in video.candidates:
            return video.candidates[number]
        assert video.end is not None
        clip = reread(self._engine.reading, video.source, video.end.num_frames, number)
        video.spans[number] = clip.span  # where the clip had not been read before
        return clip.pixels

    def _fail(self, video: Tracked, error: VideoError | None) -> None:
        video.error, video.done = error, True
        video.candidates.clear()

    def _finished(self) -> Iterator[VideoAnswer | Failure]:
        """Yields the first videos, as far as they are done."""
        while self._open and self._open[0][1].done:
            index, video = self._open.popleft()
            if video.error is not None:
                yield Failure(video.source, video.error)
            else:
                yield self._answer(index, video)

    def _answer(self, index: int, video: Tracked) -> VideoAnswer | Failure:
        assert video.end is not None and video.order is not None
        teacher, pair = video.teacher, self._engine.pair
        probabilities = video.probabilities(self._average)
        scores = video.scores(self._selector, self._engine.generator(index))
        seen = {"logits": video.output("logits"), CONFIDENCE: video.evidence.confidence}
        said = [found for found in (probabilities, scores, *seen.values()) if found is not None]
        if not all(np.isfinite(found).all() for found in said):
            whose = "sampler" if np.isfinite(probabilities).all() else "network"
            cause = f"the {whose}'s answer is not a number; train it, or convert its weights, again"
            return Failure(video.source, InputError(f"'{video.source.name}': {cause}"))
        return VideoAnswer(
            source=video.source,
            probabilities=probabilities,
            num_clips=video.num_clips,
            num_frames=video.end.num_frames,
            fps=video.end.fps,
            spans=video.spans,
            chosen=video.order,
            seen=video.num_clips if self._alone else len(video.answered),
            teacher=teacher,
            student=video.student,
            scores=scores,
            sampler=seen["logits"],
            confidence=seen[CONFIDENCE],
            of_clip=(pair.teacher.of_clip, pair.sampler.of_clip if pair.sampler else 1.0),
            step=pair.own.step if isinstance(pair.own, Contiguous) else 0,
            alone=pair.is_alone,
            notices=notices(video, self._choice, pair),
        )
