"""How far a run is that has begun: a table's bar says it, and reckons the time left with it."""

import contextlib
import dataclasses
from pathlib import Path

from vidkd_jax.errors import InputError
from vidkd_jax.run.saved import saved_fields
from vidkd_jax.run.tracking import read_records


@dataclasses.dataclass(frozen=True)
class UnderWay:
    """The newest epoch that a run has written of.

    Attributes:
      epoch: counted from 1; 0 before the first.
      epochs: how many it has at most; 0 while it has not written its settings.
      fork_epoch: epochs that its trunk has done for it.
    """

    epoch: int = 0
    epochs: int = 0
    fork_epoch: int = 0

    @property
    def part(self) -> float:
        """How much of the run is done, from 0 to below 1: its test counts as another epoch."""
        return max(0, self.epoch - self.fork_epoch) / (self.epochs - self.fork_epoch + 1)

    def __str__(self) -> str:
        """Returns "epoch 7 of 25"."""
        return f"epoch {self.epoch} of {self.epochs}" if self.epoch else "begins"


def under_way(folder: Path) -> UnderWay:
    """Returns how far the run in a folder is; of one that has not begun, or is damaged, nothing."""
    with contextlib.suppress(InputError):
        fields = saved_fields(folder)
        epochs = fields.get("train.epochs", 0)
        records = read_records(folder / "metrics.jsonl") if epochs else []
        epoch = max((record["epoch"] for record in records), default=0)
        return UnderWay(min(epoch, epochs), epochs, fields.get("train.fork_epoch", 0))
    return UnderWay()
