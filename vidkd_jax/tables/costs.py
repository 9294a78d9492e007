"""What the runs of a table cost, before they are run: FLOPs, and an estimate of time."""

import dataclasses
import functools
import math
from collections.abc import Sequence

from vidkd_jax import data as data_lib
from vidkd_jax import models
from vidkd_jax.errors import InputError
from vidkd_jax.models.costs import count, forward_flops_per_second
from vidkd_jax.networks.card import Card
from vidkd_jax.networks.weights import load_card
from vidkd_jax.run import inputs
from vidkd_jax.run.student import clip_shape_of
from vidkd_jax.run.teachers import forward_passes
from vidkd_jax.run.trained import frozen_source
from vidkd_jax.settings.settings import DataSettings, Settings
from vidkd_jax.tables.arms import Arm
from vidkd_jax.tables.resolving import resolve, teachers_elsewhere
from vidkd_jax.tables.row import TEACHERS

# Further renderings of preset standard's videos.
_OF_STANDARD = ("background", "blurred", "scene_bias", "new_scenes")
# (training videos, classes) where there are no records yet: as published, and of Marionette as its
# presets have them. The videos that validate are among them.
_VIDEOS = {
    "ucf101": (9_537, 101),
    "hmdb51": (3_570, 51),
    "kinetics400": (240_000, 400),
    "kinetics600": (392_622, 600),
    "mini_kinetics200": (80_000, 200),
    "ssv2": (168_913, 174),
    "utd_mhad": (431, 27),
    **dict.fromkeys(("marionette", *(f"marionette_{each}" for each in _OF_STANDARD)), (2_016, 14)),
    "marionette_small": (672, 14),
    "marionette_study": (2_016, 14),
    "marionette_teachers": (5_040, 14),
    "marionette_untrimmed": (840, 14),
    "marionette_long": (2_016, 14),
    **dict.fromkeys(("marionette_scene", "marionette_outfit"), (5_040, 6)),
    "marionette_motion": (5_040, 7),
}
_BACKWARD = 2  # cost of the backward pass in forward passes: gradients of inputs and of kernels


@dataclasses.dataclass(frozen=True)
class Cost:
    """What one run costs.

    Attributes:
      videos: how many train.
      epochs: of the run itself, at most: early stopping may end it before.
      passes: over the training videos, in these epochs.
      clips: of a pass: one of each video, but for those that do not fill its last batch.
      flops: of all its training steps, teachers included; a multiplication and an addition are 2.
    """

    videos: int
    epochs: int
    passes: int
    clips: int
    flops: float


def of_card(card: Card) -> tuple[int, int]:
    """Returns the parameters of a network, and the MACs of one clip of its own."""
    shape = (card.frames, card.size, card.size, card.in_channels)
    network = models.create(
        card.model, card.num_classes, in_channels=card.in_channels, width=card.width
    )
    return count(network, shape)


def cost(arm: Arm, extra: Sequence[str] = ()) -> Cost:
    """Returns what a run costs, without the training of the runs that it needs.

    Of teachers that no row trains those that are there count.

    Args:
      arm: the run.
      extra: as in `resolve`.

    Raises:
      InputError: a field or a value is wrong.
    """
    run = _work_of(arm, extra)
    settings, data = run.settings, run.settings.data
    held_out = 1 / data.folds if data.fold else 0.0
    if data.val == "groups":
        held_out += (1 - held_out) * data.val_fraction
    training = round(run.videos * data.fraction * (1 - held_out))
    forward = run.macs
    own = forward_passes(settings.method.teachers)
    step = (1 + _BACKWARD) * (1 + own["step"]) * forward
    per_clip = 2 * (step + own["forward"] * forward + _macs_of_teachers(arm, run, extra))
    train = settings.train
    epochs = train.epochs - train.fork_epoch
    passes = epochs * data_lib.passes_per_epoch(training, train.batch_size, train.repeats)
    clips = max(training // train.batch_size, 1) * train.batch_size
    return Cost(training, epochs, passes, clips, per_clip * clips * passes)


@dataclasses.dataclass(frozen=True)
class _Work:
    """What a run's student does in a step.

    Attributes:
      settings: of the run.
      videos: that train or validate.
      num_classes: of the data set.
      clips: of a video that the student sees.
      shape: [t, h, w, c] of one of them.
    """

    settings: Settings
    videos: int
    num_classes: int
    clips: int
    shape: tuple[int, int, int, int]

    @property
    def macs(self) -> int:
        """Of one row of a batch, all of its clips together."""
        model = self.settings.model
        return self.clips * _count_macs(model.name, model.width, self.num_classes, self.shape)


def _macs_of_teachers(arm: Arm, run: _Work, extra: Sequence[str]) -> int:
    """Returns the MACs of what a run's trained teachers answer about one row of a batch."""
    works = [_work_of(teacher, extra) for teacher in arm.needs(TEACHERS)]
    cards = [load_card(f) for f in teachers_elsewhere(arm, extra) if f.exists()]
    each = [(work.macs, work.shape[0]) for work in works]
    each += [(of_card(card)[1], card.frames) for card in cards]
    source = frozen_source(run.settings.method.teachers)
    # A still-image network may see every frame of a clip.
    times = run.shape[0] if source is not None and source.all_frames else 1
    return sum(macs * (times if frames == 1 else 1) for macs, frames in each)


def _work_of(arm: Arm, extra: Sequence[str]) -> _Work:
    """Returns what a run's student does.

    Raises:
      InputError: a field is wrong, or there are no records of a data set of unknown size.
    """
    settings = resolve(arm, extra)
    videos, num_classes = _videos_of(settings.data)
    *clips, t, h, w, c = clip_shape_of(settings, inputs.student_sampler(settings))
    return _Work(settings, videos, num_classes, math.prod(clips), (t, h, w, c))


@functools.cache
def _videos_of(settings: DataSettings) -> tuple[int, int]:
    """Returns the numbers of training videos and classes: of the records, or as published.

    Raises:
      InputError: there are no records, and nothing was published of them.
    """
    try:
        train = data_lib.open_records(inputs.records_of(settings))("train")
    except InputError as error:
        if published := _VIDEOS.get(settings.name):
            return published
        raise InputError(
            f"config.data.name: --dry_run does not know how many videos '{settings.name}' has, and "
            f"has no records of it: {error}"
        ) from error
    return len(train.videos), len(train.class_names)


@functools.cache
def _count_macs(name: str, width: float, classes: int, shape: tuple[int, int, int, int]) -> int:
    """Returns the multiplications of one clip's forward pass.

    Cached: tracing a network takes seconds, and most rows of a table have the same network.
    """
    return count(models.create(name, classes, in_channels=shape[-1], width=width), shape)[1]


def flops_per_second(arm: Arm, extra: Sequence[str] = ()) -> float:
    """Returns the FLOPs per second that a run's network reaches on this machine, by measuring it.

    That is its forward pass, which takes seconds to compile. Validation and reading videos take
    time, too.

    Args:
      arm: the run.
      extra: as in `resolve`.
    """
    run = _work_of(arm, extra)
    model = run.settings.model
    network = models.create(
        model.name,
        run.num_classes,
        in_channels=run.shape[-1],
        width=model.width,
        dtype=model.dtype,
    )
    return forward_flops_per_second(network, run.shape)
