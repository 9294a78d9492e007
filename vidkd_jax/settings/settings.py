"""What a run is told: frozen, typed settings with their defaults, one dataclass for each room.

The defaults are TY's hyper-parameters (section IV.A) unless a comment says otherwise. `config.py`
makes the `ConfigDict` that configs/ and flags change, and reads it back into these.
"""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from vidkd_jax.augment import Augment
from vidkd_jax.methods import Method, options
from vidkd_jax.models.normalisation import RESIDUALS
from vidkd_jax.options import choice, option


@dataclasses.dataclass(frozen=True)
class ModelSettings:
    """The student's network.

    Attributes:
      name: of the backbone, as `python -m vidkd_jax.models` lists them.
      width: factor on its channels.
      dtype: that it computes in; parameters and statistics are float32.
      zero_init_residual: the scales of the norms that end residual blocks begin at 0, each block as
        its shortcut: deep networks learn earlier (Goyal et al. 2017, section 5.1). Weights of
        `init_from` replace them.
      init_from: weights to start from: a folder of `convert`, or a finished run's.
      residual: "none", or the network sees residual frames; see `models.Normalisation`.
    """

    name: str = "ty_r3d_18"
    width: float = option(1.0, at_least=1 / 64)
    dtype: str = choice("float32", ("float32", "bfloat16"))
    zero_init_residual: bool = False
    init_from: str = ""
    residual: str = choice("none", RESIDUALS)


@dataclasses.dataclass(frozen=True)
class TeacherSettings:
    """The frozen teachers, for methods that need some.

    Attributes:
      runs: finished runs, or folders of converted weights.
      dtype: that all teachers compute in, TY's own past, too; "": the student's.
      cross_fitted: the runs are one for each of `data.folds`, and each video is taught by the one
        that has not been trained on it. Together they are one teacher.
    """

    runs: tuple[str, ...] = ()
    dtype: str = choice("", ("", "float32", "bfloat16"))
    cross_fitted: bool = False


@dataclasses.dataclass(frozen=True)
class DataSettings:
    """The videos, and the clips that are cut from them.

    Attributes:
      source: "records", or "videos": straight from video files, without conversion.
      root: folder of all record sets.
      name: of the data set.
      split: number of its official split.
      videos: for source "videos": the folder of video files.
      annotations: for source "videos": the lists' folder or file.
      modality: "rgb"; "flow"; or "rgb_flow": RGB, and its flow for a teacher.
      frames: of a clip.
      stride: from one of them to the next.
      sampler: what a clip shows: "clip", frames `stride` apart; "still", one of them, repeated;
        "segments", a random frame of each of `frames` equal parts of the video (TSN; Wang et al.
        2016), for methods that do not draw clips in a way of their own.
      short_side: of the frames in the records, in pixels.
      fps: frames a second that videos are brought to, each the nearest in time; 0: as filmed.
      crop: side of the window that is cut from them, for all networks.
      crop_sizes: of training windows, drawn at random and resized to `crop`; (): `crop`. In a
        config a size with a decimal point is a share of `crop`, at most `short_side` in all.
      size: side that the student sees the window at; 0: as it is.
      fraction: of each class' training videos.
      subset_seed: which videos `fraction` takes; it is not the run's seed.
      balanced: whether a pass shows the videos of each class equally often, those of small classes
        repeatedly; the pass is as long as if all classes were as large as the largest.
      val: "groups": held out of training by group; "fold": the groups of `fold`, for
        cross-validation; or "val" / "test": that split.
      val_fraction: of the training groups.
      folds: that the training groups are dealt out to, for cross-fitted teachers and for
        cross-validation; 0: none.
      fold: whose groups, from 1 to `folds`, do not train; 0: all do.
      threads: that read, in each process that reads; 0: one a core, up to 16; workers share cores.
      workers: processes that read; 0: threads only.
      prefetch: batches that are read ahead.
    """

    source: str = choice("records", ("records", "videos"))
    root: str = "data"
    name: str = "ucf101"
    split: int = option(1, at_least=1)
    videos: str = ""
    annotations: str = ""
    modality: str = choice("rgb", ("rgb", "flow", "rgb_flow"))
    frames: int = option(16, at_least=1)
    stride: int = option(1, at_least=1)
    sampler: str = choice("clip", ("clip", "still", "segments"))
    short_side: int = option(128, at_least=8)
    fps: float = option(0.0, at_least=0)
    crop: int = option(112, at_least=8)
    crop_sizes: tuple[int, ...] = ()
    size: int = option(0, at_least=0)
    fraction: float = option(1.0, more_than=0, at_most=1)
    subset_seed: int = option(0, at_least=0)
    balanced: bool = False
    val: str = choice("groups", ("groups", "fold", "val", "test"))
    val_fraction: float = option(0.1, more_than=0, at_most=1)
    folds: int = option(0, at_least=0)
    fold: int = option(0, at_least=0)
    threads: int = option(0, at_least=0, at_most=256)
    workers: int = option(0, at_least=0, at_most=256)
    prefetch: int = option(8, at_least=1)


@dataclasses.dataclass(frozen=True)
class AugmentSettings(Augment):
    """How training clips are augmented.

    Attributes:
      enabled: whether they are.
    """

    enabled: bool = True


@dataclasses.dataclass(frozen=True)
class OptimSettings:
    """The optimiser; see `vidkd_jax.run.optimizer`.

    Attributes:
      name: "sgd" or "adamw".
      learning_rate: before the schedule changes it.
      momentum: of SGD; of AdamW it is beta 1.
      nesterov: of SGD.
      weight_decay: coupled as PyTorch's for SGD, decoupled for AdamW.
      decay_on: "all", or "kernels", but not those of shortcuts: the released code's L2.
      multipliers: ((pattern, factor), ...): of the learning rate, by the parameter's path.
    """

    name: str = choice("sgd", ("sgd", "adamw"))
    learning_rate: float = option(0.01, at_least=0)
    momentum: float = option(0.9, at_least=0, less_than=1)
    nesterov: bool = False
    weight_decay: float = option(5e-4, at_least=0)
    decay_on: str = choice("all", ("all", "kernels"))
    multipliers: tuple[tuple[str, float], ...] = ()


@dataclasses.dataclass(frozen=True)
class ScheduleSettings:
    """What the learning rate does; see `vidkd_jax.run.schedule`.

    The rate drops tenfold after 10 epochs without a better validation accuracy (TY, section IV.A);
    patience 30 for early stopping is the released code's, the paper gives none.

    Attributes:
      name: "plateau", "cosine" or "steps".
      warmup_epochs: over which the rate rises.
      patience: of a plateau.
      factor: that a drop multiplies the rate by; of "plateau", "steps" and `group_drops`.
      min_learning_rate: of a plateau.
      early_stopping: of a plateau.
      perfect_epochs: number of epochs in a row that validate without an error, after which the rate
        falls to 0 over as many epochs more and training ends; 0: never.
      drops: of "steps": the numbers of epochs after which the rate drops.
      group_drops: ((pattern, (epoch, ...)), ...): further drops of the parameters that a pattern of
        `optim.multipliers` names, under any schedule.
    """

    name: str = choice("plateau", ("plateau", "cosine", "steps"))
    warmup_epochs: int = option(0, at_least=0)
    patience: int = option(10, at_least=1)
    factor: float = option(0.1, more_than=0, at_most=1)
    min_learning_rate: float = 1e-8
    early_stopping: int = option(30, at_least=1)
    perfect_epochs: int = option(0, at_least=0)
    drops: tuple[int, ...] = ()
    group_drops: tuple[tuple[str, tuple[int, ...]], ...] = ()


@dataclasses.dataclass(frozen=True)
class TrainSettings:
    """The loop.

    Attributes:
      batch_size: clips, or groups of clips, in a step.
      epochs: at most.
      repeats: passes over the training videos in an epoch; set more where videos are few; 0: as
        many as make at least 64 batches.
      log_every: steps between two records of metrics.
      remat: whether activations are computed again in the backward pass: about half of their
        memory, a little more time.
      keep_epochs: epochs after which the whole state stays in the workdir, beside the two newest.
      fork_from: a run whose state after epoch `fork_epoch` this run goes on from; see `run.fork`.
      fork_epoch: one of that run's `keep_epochs`; 0 without `fork_from`.
    """

    batch_size: int = option(16, at_least=1)
    epochs: int = option(200, at_least=1)
    repeats: int = option(1, at_least=0)
    log_every: int = option(20, at_least=1)
    remat: bool = False
    keep_epochs: tuple[int, ...] = ()
    fork_from: str = ""
    fork_epoch: int = option(0, at_least=0)


@dataclasses.dataclass(frozen=True)
class EvalSettings:
    """Evaluation.

    Attributes:
      batch_size: clips at a time.
      max_clips: of a video, spread evenly; 30 is the limit of TY's released code. 0: all that do
        not overlap, as ConDi has them.
      average: of a video's clips: "softmax", or "logits".
      calibration_bins: of the calibration error.
      keep_answers: folder of trained teachers' answers about evaluation clips, so that further
        runs with the same teachers and videos need not ask them again; "": none.
      keep_features: whether the test videos' features are kept, in features.npz.
    """

    batch_size: int = option(16, at_least=1)
    max_clips: int = option(30, at_least=0)
    average: str = choice("softmax", ("softmax", "logits"))
    calibration_bins: int = option(15, at_least=1)
    keep_answers: str = ""
    keep_features: bool = False


SECTIONS: dict[str, Any] = {
    "model": ModelSettings,
    "teachers": TeacherSettings,
    "augment": AugmentSettings,
    "data": DataSettings,
    "optim": OptimSettings,
    "schedule": ScheduleSettings,
    "train": TrainSettings,
    "eval": EvalSettings,
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """All that a run is told.

    Attributes:
      name: the default workdir is runs/<name>.
      seed: of everything random.
      model: the student's network.
      method_name: what `method` is called.
      method: with its options, and the augmentation of its clips.
      teachers: the frozen ones.
      augment: as the config has it, `enabled` or not.
      data: the videos and the clips.
      optim: the optimiser.
      schedule: of the learning rate.
      train: the loop.
      eval: evaluation.
      distributed: whether several processes train together.
    """

    name: str
    seed: int
    model: ModelSettings
    method_name: str
    method: Method
    teachers: TeacherSettings
    augment: AugmentSettings
    data: DataSettings
    optim: OptimSettings
    schedule: ScheduleSettings
    train: TrainSettings
    eval: EvalSettings
    distributed: bool

    @property
    def teacher_dtype(self) -> str:
        """The type that teachers compute in."""
        return self.teachers.dtype or self.model.dtype

    def as_json(self) -> dict[str, Any]:
        """Returns the sections as plain nested dictionaries of JSON types, as in config.json."""
        own = {name: getattr(self.method, name) for name in options(self.method_name)}
        sections = {name: dataclasses.asdict(getattr(self, name)) for name in SECTIONS}
        value = {
            "name": self.name,
            "seed": self.seed,
            **sections,
            "method": {"name": self.method_name, **own},
            "distributed": self.distributed,
        }
        return json.loads(json.dumps(value))

    @property
    def tested_by(self) -> tuple[str, ...]:
        """Names of the evaluators that judge the best student at the end."""
        names = self.method.tested_by
        keeps = self.eval.keep_features and "features" not in names
        return (*names, "features") if keeps else names

    def by_field(self) -> dict[str, Any]:
        """Returns {dotted field: JSON value}."""
        return flatten(self.as_json())


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns {dotted field: value} of all leaves of nested dictionaries."""
    leaves: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            leaves.update(flatten(value, f"{prefix}{name}."))
        else:
            leaves[f"{prefix}{name}"] = value
    return leaves
