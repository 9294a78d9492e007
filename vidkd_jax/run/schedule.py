"""What validation decides after an epoch: the best model, the learning rate, when to stop."""

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

from vidkd_jax.settings.settings import ScheduleSettings, Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class Schedule(ScheduleSettings):
    """What the learning rate does from epoch to epoch, and when training stops.

    "plateau": the rate drops where validation accuracy does not improve (TY, section IV.A);
    "cosine": half a cosine from `learning_rate` to 0 over `epochs` (Loshchilov & Hutter 2017),
    which ends flat within a small budget; "steps": the rate drops after the epochs `drops`. Under
    each the rate rises over `warmup_epochs` in equal steps, epoch by epoch, to what it would be
    without (Goyal et al. 2017, section 2.2, who rise step by step). With `perfect_epochs` training
    goes on for as many epochs with a falling rate: small last steps improve weights even where
    validation, already perfect, cannot show it.

    Attributes:
      learning_rate: of the first epoch, where nothing warms up.
      epochs: of the whole run.
      factors: multipliers of the learning rate by the pattern of the parameters' names.
    """

    learning_rate: float
    epochs: int
    factors: tuple[tuple[str, float], ...] = ()

    @classmethod
    def of(cls, settings: Settings) -> "Schedule":
        """Returns the schedule that a run's settings describe."""
        return cls(
            **dataclasses.asdict(settings.schedule),
            learning_rate=settings.optim.learning_rate,
            epochs=settings.train.epochs,
            factors=settings.optim.multipliers,
        )

    def planned(self, epoch: int) -> float | None:
        """Returns the rate after an epoch, before warm-up; None where validation decides on it."""
        if self.name == "cosine":
            return self.learning_rate * _half_cosine(epoch / self.epochs)
        if self.name == "steps":
            return self.learning_rate * self.dropped(self.drops, epoch)
        return None

    def dropped(self, drops: Iterable[int], epoch: int) -> float:
        """Returns what the drops until the end of `epoch` multiply a rate by."""
        return self.factor ** sum(drop <= epoch for drop in drops)


@dataclasses.dataclass(frozen=True)
class Progress:
    """Where a run stands, as saved in its checkpoints.

    Attributes:
      learning_rate: of the next epoch, before `rate` warms it up.
      epoch: epochs done.
      best_accuracy: of validation, so far; of a run whose last epoch counts, the epochs done.
      best_epoch: the epoch that reached it, 0 before the first validation.
      bad_epochs: epochs since the last better accuracy or drop of the rate.
      train_seconds: time spent in training epochs, all sittings together.
      perfect: epochs in a row with an accuracy of 1.
      end: the epoch after which training ends, because nothing is left to gain; 0: not decided.
      trunk_best: of a fork, what its trunk had reached, which a plateau goes by, too: a fork that
        changes nothing has its trunk's rates. Its best student is one of its own.
      trunk_best_epoch: the epoch that reached it.
    """

    learning_rate: float
    epoch: int = 0
    best_accuracy: float = -1.0
    best_epoch: int = 0
    bad_epochs: int = 0
    train_seconds: float = 0.0
    perfect: int = 0
    end: int = 0
    trunk_best: float = -1.0
    trunk_best_epoch: int = 0

    def after_epoch(self, score: float | None, seconds: float, schedule: Schedule) -> "Progress":
        """Returns the progress after one more epoch.

        Args:
          score: of its validation; None: the last epoch counts.
          seconds: that it trained.
          schedule: of the run.
        """
        epoch = self.epoch + 1
        accuracy = _accuracy(score, epoch)
        # Strictly better, as Algorithm 1, line 20. The first epoch is always the best one so far.
        improved = not self.best_epoch or accuracy > self.best_accuracy
        # A rate that falls to 0 ends flat: of equal epochs, many on few videos, the last counts.
        if schedule.name == "cosine" or self.end:
            improved = not self.best_epoch or accuracy >= self.best_accuracy
        improved_on_trunk = not self.trunk_best_epoch or accuracy > self.trunk_best
        bad_epochs = 0 if improved and improved_on_trunk else self.bad_epochs + 1
        learning_rate = self.learning_rate
        if (planned := schedule.planned(epoch)) is not None:
            learning_rate = planned
        elif bad_epochs >= schedule.patience:
            floor = min(schedule.min_learning_rate, learning_rate)
            learning_rate, bad_epochs = max(learning_rate * schedule.factor, floor), 0
        return Progress(
            learning_rate=learning_rate,
            epoch=epoch,
            best_accuracy=accuracy if improved else self.best_accuracy,
            best_epoch=epoch if improved else self.best_epoch,
            bad_epochs=bad_epochs,
            train_seconds=self.train_seconds + seconds,
            trunk_best=self.trunk_best,
            trunk_best_epoch=self.trunk_best_epoch,
            **self._end(score, epoch, schedule),
        )

    def _end(self, score: float | None, epoch: int, schedule: Schedule) -> dict[str, int]:
        """Returns `perfect` and `end` after one more epoch."""
        perfect, more = (self.perfect + 1 if score == 1 else 0), schedule.perfect_epochs
        decided = more and perfect >= more and epoch + more < schedule.epochs
        return {"perfect": perfect, "end": self.end or (epoch + more if decided else 0)}

    def under(self, schedule: Schedule) -> "Progress":
        """Returns the progress with the rate of another schedule, where that one plans it."""
        planned = schedule.planned(self.epoch)
        return self if planned is None else dataclasses.replace(self, learning_rate=planned)

    def with_best(self, score: float | None) -> "Progress":
        """Returns the progress of a fork, whose best student so far is that of the last epoch."""
        forked_twice = self.trunk_best_epoch and self.trunk_best >= self.best_accuracy
        return dataclasses.replace(
            self,
            best_accuracy=_accuracy(score, self.epoch),
            best_epoch=self.epoch,
            perfect=0,
            end=0,
            trunk_best=self.trunk_best if forked_twice else self.best_accuracy,
            trunk_best_epoch=self.trunk_best_epoch if forked_twice else self.best_epoch,
        )

    def selected_anew(self) -> "Progress":
        """Returns the progress of a fork that another figure than its trunk's selects."""
        return dataclasses.replace(
            self,
            best_accuracy=-1.0,
            best_epoch=0,
            bad_epochs=0,
            trunk_best=-1.0,
            trunk_best_epoch=0,
        )

    def rate(self, schedule: Schedule) -> float:
        """Returns the learning rate that the next epoch trains with."""
        rate = self.learning_rate * min((self.epoch + 1) / (schedule.warmup_epochs + 1), 1.0)
        if not self.end:
            return rate
        return rate * _half_cosine(1 - (self.end - self.epoch) / schedule.perfect_epochs)

    def is_best(self) -> bool:
        """Whether the epoch just done set a new best, or under a cosine equalled it."""
        return self.best_epoch == self.epoch

    def is_over(self, schedule: Schedule) -> bool:
        """Whether training ends: after its epochs, or before them where validation says so.

        It does where it has not improved for too long (Algorithm 1, line 22), or cannot any more.
        Only a plateau stops for the first reason; the other schedules are gone through.
        """
        if self.epoch >= (self.end or schedule.epochs):
            return True
        own = not self.trunk_best_epoch or self.best_accuracy > self.trunk_best
        improved = self.best_epoch if own else self.trunk_best_epoch
        return schedule.name == "plateau" and self.epoch - improved >= schedule.early_stopping

    def factors(self, schedule: Schedule) -> list[float]:
        """Returns the multipliers of the learning rate for the next epoch, in their order."""
        drops = dict(schedule.group_drops)
        return [
            factor * schedule.dropped(drops.get(pattern, ()), self.epoch)
            for pattern, factor in schedule.factors
        ]

    def as_dict(self) -> dict[str, Any]:
        """Returns JSON."""
        return dataclasses.asdict(self)


def _accuracy(score: float | None, epoch: int) -> float:
    """Returns what epochs are compared by: without a score each is better than those before."""
    return float(epoch) if score is None else score


def _half_cosine(done: float) -> float:
    """Returns 1 at the start of a run (`done` 0) and 0 at its end (`done` 1)."""
    return 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0)))
