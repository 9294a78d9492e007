"""Reads UTD-MHAD (Chen, Jafari, Kehtarnavaz, ICIP 2015), whose file names say everything."""

import re
from pathlib import Path

from vidkd_jax.annotations.locate import VIDEO_SUFFIXES, VideoFolder, walk
from vidkd_jax.annotations.types import Dataset, Listed, make_dataset
from vidkd_jax.errors import InputError

CLASS_NAMES = (
    *("swipe left", "swipe right", "wave", "clap", "throw", "cross arms", "basketball shoot"),
    *("draw x", "draw circle clockwise", "draw circle counter-clockwise", "draw triangle"),
    *("bowling", "boxing", "baseball swing", "tennis swing", "arm curl", "tennis serve", "push"),
    *("knock", "catch", "pick up and throw", "jog", "walk", "sit to stand", "stand to sit"),
    *("lunge", "squat"),
)
_SUBJECTS, _TRIALS = range(1, 9), range(1, 5)
_NEVER_RECORDED = {(8, 1, 4), (23, 6, 4), (27, 8, 4)}  # action, subject, trial: 861 remain
_KINDS = ("color", "depth")
_NAME = re.compile(rf"a\d+_s\d+_t\d+_({'|'.join(_KINDS)})", re.IGNORECASE)


def read_utd_mhad(name: str, annotations: Path, videos: Path, split: int) -> Dataset:
    """Reads a1_s1_t1_color.avi (action, subject, trial) and so on, or the same of the depth camera.

    The split is the paper's cross-subject protocol: odd subjects train, even ones test. A group is
    a subject, so that validation holds out whole people.

    Args:
      name: Name of the dataset.
      annotations: Not used; there are no lists.
      videos: The folder of the videos, in any layout.
      split: 1.

    Raises:
      InputError: There are no such videos, or videos of both cameras.
    """
    del annotations, split
    folder = VideoFolder(videos, ignore_case=True)
    kind = _kind(videos)
    listed = [
        Listed(
            id=f"a{action}_s{subject}_t{trial}",
            files=(f"a{action}_s{subject}_t{trial}_{kind}.avi",),
            label=action - 1,
            group=f"s{subject}",
            split="train" if subject % 2 else "test",
            where=str(videos),
        )
        for subject in _SUBJECTS
        for action in range(1, len(CLASS_NAMES) + 1)
        for trial in _TRIALS
        if (action, subject, trial) not in _NEVER_RECORDED
    ]
    return make_dataset(name, CLASS_NAMES, listed, folder)


def _kind(videos: Path) -> str:
    """Returns which camera the videos are of: "color" or "depth"."""
    found = {
        match[1].lower()
        for path in walk(videos)
        if path.suffix.lower() in VIDEO_SUFFIXES and (match := _NAME.fullmatch(path.stem))
    }
    if not found:
        raise InputError(
            f"--videos={videos}: holds no video named as a1_s1_t1_color.avi, or of depth as "
            "a1_s1_t1_depth.mp4, which must be made of the official .mat files"
        )
    if len(found) > 1:
        raise InputError(
            f"--videos={videos}: holds colour and depth videos; give a folder with one of the two"
        )
    return found.pop()
