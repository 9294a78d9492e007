"""Writes a preset: video files in UCF101's layout, list files, and a sidecar for each video."""

import json
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from data_prep.disk import clear_disk_errors
from data_prep.marionette.actions import CLASS_NAMES, is_backward
from data_prep.marionette.actors import Actor, class_scene, draw_actor
from data_prep.marionette.latents import Latents, active_mask, draw_latents
from data_prep.marionette.presets import FPS, HEIGHT, WIDTH, Preset
from data_prep.marionette.render import render
from data_prep.pool import run_tasks
from vidkd_jax.errors import InputError
from vidkd_jax.runtime.files import write_text
from vidkd_jax.runtime.lock import only_one
from vidkd_jax.runtime.progress import progress_bar
from vidkd_jax.video import write_video

VERSION = 4  # raise it when a change makes the same seed render other pictures
SPLITS = (1, 2, 3)
_CODECS = {".mp4": "libx264", ".avi": "mpeg4"}


@dataclass(frozen=True)
class Job:
    """What to render. Equal jobs give equal files.

    Attributes:
      preset: how many videos, and how hard.
      seed: each gives another benchmark.
      variant: one of `VARIANTS`.
      scene_bias: fraction of the videos whose scene is that of their class, not of their actor.
      unseen_scenes: whether the test videos of split 1 keep their actors' scenes, which no training
        video has.
    """

    preset: Preset
    seed: int = 0
    variant: str = "full"
    scene_bias: float = 0.0
    unseen_scenes: bool = False


@dataclass(frozen=True)
class VideoKey:
    """Identifies one video; groups and clips count from 1, labels from 0."""

    group: int
    label: int
    clip: int

    @property
    def video_id(self) -> str:
        """The name in UCF101's style, such as v_PickUp_g07_c01."""
        return f"v_{CLASS_NAMES[self.label]}_g{self.group:02d}_c{self.clip:02d}"

    @property
    def path(self) -> str:
        """The path below the video folder; each class and group has .mp4 and .avi files."""
        suffix = tuple(_CODECS)[(self.group + self.label + self.clip) % 2]
        return f"{CLASS_NAMES[self.label]}/{self.video_id}{suffix}"


def video_keys(preset: Preset) -> list[VideoKey]:
    """Returns all videos of a preset; each group performs each class."""
    return [
        VideoKey(group, label, clip)
        for label in range(len(CLASS_NAMES))
        for group in range(1, preset.groups + 1)
        for clip in range(1, preset.clips + 1)
    ]


def write_dataset(job: Job, out: Path, workers: int) -> int:
    """Renders the videos that are missing in `out` and returns their number.

    Raises:
        InputError: `out` holds files of another job, another run is writing there, or the disk is
            full.
    """
    with clear_disk_errors(out), only_one(out / ".lock"):
        return _write_missing(job, out, workers)


def _write_missing(job: Job, out: Path, workers: int) -> int:
    _claim(job, out)
    for leftover in (*out.rglob(".*.partial*"), *out.rglob("*.tmp")):  # from a killed run
        leftover.unlink()
    for name in CLASS_NAMES:
        (out / "videos" / name).mkdir(parents=True, exist_ok=True)
    (out / "sidecars").mkdir(exist_ok=True)
    write_lists(job.preset, out / "annotations")
    missing = [key for key in video_keys(job.preset) if not _is_complete(out, key)]
    bar = progress_bar(
        run_tasks(partial(write_one, job, out), missing, workers),
        total=len(missing),
        desc=f"marionette {job.preset.name}",
        unit="video",
        disable=not missing,
    )
    return sum(1 for _ in bar)


def _is_complete(out: Path, key: VideoKey) -> bool:
    return _sidecar(out, key).exists() and (out / "videos" / key.path).exists()


def _claim(job: Job, out: Path) -> None:
    """Records in `out` which job it is for, so that files of two jobs never mix."""
    path = out / "marionette.json"
    fields = {"version": VERSION, **asdict(job)}
    if not job.unseen_scenes:  # older folders do not name it
        del fields["unseen_scenes"]
    text = json.dumps(fields, indent=1) + "\n"
    if not path.exists():
        write_text(path, text)
    elif path.read_text() != text:
        raise InputError(
            f"{path}: the folder holds videos of another preset, seed, variant, scenes or version; "
            "choose another --out or remove the folder"
        )


def write_one(job: Job, out: Path, key: VideoKey) -> None:
    """Renders and encodes one video, then writes its sidecar, which marks it as complete."""
    cv2.setNumThreads(1)
    actor, biased = _actor(job, key)
    latents = draw_latents(job.preset, job.seed, key.group, key.label, key.clip)
    noise_key = (2, key.group, key.label // 2, key.clip)
    noise_seed = np.random.SeedSequence(job.seed, spawn_key=noise_key)
    frames = render(actor, latents, key.label, noise_seed, job.variant)
    path = out / "videos" / key.path
    write_video(path, frames, FPS, codec=_CODECS[path.suffix])
    write_text(_sidecar(out, key), json.dumps(describe(job, key, actor, latents, biased=biased)))


def _actor(job: Job, key: VideoKey) -> tuple[Actor, bool]:
    """Returns the actor of the group, and whether the scene was replaced by that of the class.

    It is replaced with probability `scene_bias`; with `unseen_scenes` never in a test video.
    """
    actor = draw_actor(job.seed, key.group)
    if job.unseen_scenes and key.group in job.preset.test_groups(1):
        return actor, False
    sequence = np.random.SeedSequence(job.seed, spawn_key=(4, key.group, key.label, key.clip))
    biased = bool(np.random.default_rng(sequence).random() < job.scene_bias)
    return (replace(actor, scene=class_scene(job.seed, key.label)) if biased else actor), biased


def describe(
    job: Job, key: VideoKey, actor: Actor, latents: Latents, *, biased: bool
) -> dict[str, object]:
    """Returns the content of the sidecar: all latents, with frames in the order of the file."""
    backward = is_backward(key.label)
    order = -1 if backward else 1
    latent_fields = asdict(latents)
    progress = latent_fields.pop("progress")[::order]
    if backward:
        progress = [None if p is None else round(1.0 - p, 4) for p in progress]
    starts = list(latents.starts)
    if backward:
        played = latents.num_frames - latents.motion_frames
        starts = [played - start for start in starts[::-1]]
    return {
        "id": key.video_id,
        "file": key.path,
        "preset": job.preset.name,
        "seed": job.seed,
        "class": CLASS_NAMES[key.label],
        "label": key.label,
        "twin": CLASS_NAMES[key.label ^ 1],
        "backward": backward,
        "group": key.group,
        "clip": key.clip,
        "fps": FPS,
        "height": HEIGHT,
        "width": WIDTH,
        "scene_biased": biased,
        **asdict(actor),
        **latent_fields,
        "starts": starts,
        "covered": latents.covered[::order],
        "progress": progress,
        "active": [int(a) for a in active_mask(latents)[::order]],
    }


def write_lists(preset: Preset, folder: Path) -> None:
    """Writes classInd.txt, trainlist0{1,2,3}.txt and testlist0{1,2,3}.txt in UCF101's format."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_lines(folder / "classInd.txt", [f"{i + 1} {n}" for i, n in enumerate(CLASS_NAMES)])
    keys = video_keys(preset)
    for split in SPLITS:
        groups = preset.test_groups(split)
        test = [key.path for key in keys if key.group in groups]
        train = [f"{key.path} {key.label + 1}" for key in keys if key.group not in groups]
        _write_lines(folder / f"testlist{split:02d}.txt", test)
        _write_lines(folder / f"trainlist{split:02d}.txt", train)


def _sidecar(out: Path, key: VideoKey) -> Path:
    return out / "sidecars" / f"{key.video_id}.json"


def _write_lines(path: Path, lines: list[str]) -> None:
    text = "".join(f"{line}\r\n" for line in lines)  # UCF101's line ends
    write_text(path, text, newline="")
