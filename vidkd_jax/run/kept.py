"""What trained networks have said of evaluation clips, kept for further runs and studies.

A file is named by the network, its weights and its arithmetic, and by the clips that it saw: it
answers the same question alone, from a run or from a study.
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from vidkd_jax.data import EvalClips
from vidkd_jax.errors import DAMAGED, InputError
from vidkd_jax.networks.network import Network
from vidkd_jax.runtime.files import make_folder, written
from vidkd_jax.settings.settings import DataSettings

# A network's outputs for evaluation clips by name, each [m, ...].
Said = Mapping[str, np.ndarray]


def kept(
    folder: Path | None,
    digest: str,
    network: Network,
    ask: Callable[[], Said],
    *,
    clips: EvalClips,
    data: DataSettings,
    records: str,
    outputs: Collection[str] = ("logits",),
) -> Said:
    """Returns what a network has said of clips, or asks it and keeps that.

    Args:
      folder: of the files; None: nothing is kept. Several processes keep nothing.
      digest: of the network's weights.
      network: which part of the clips it sees.
      ask: returns its outputs.
      clips: that it answers about.
      data: how the videos are cut.
      records: the identity of the videos and lists that are meant.
      outputs: that `ask` returns. What was kept of fewer outputs is asked again.

    Raises:
      InputError: the file is damaged, or the folder cannot be written to.
    """
    if folder is None or jax.process_count() > 1:
        return ask()
    path = folder / f"{digest}-{_identity(clips, data, records, network)}.npz"
    before = _load(path) if path.exists() else {}
    if before and {*outputs} <= before.keys():
        return before
    make_folder("config.eval.keep_answers", folder)  # before the network answers, which takes long
    said = {**before, **ask()}
    _save(path, said)
    return said


def _identity(clips: EvalClips, data: DataSettings, records: str, network: Network) -> str:
    """Returns a hash of the clips: of which videos, which frames, how they are cut and seen."""
    videos = clips.subset.videos
    own = slice(None) if network.frames is None else list(network.frames)
    frames = [
        [n, clips.frames(n)[..., own].tolist()] for n in sorted({v.num_frames for v in videos})
    ]
    said = [
        # The frames of a file differ a little from those of its records, which are JPEGs.
        records if data.source == "records" else [records, data.source],
        [[video.id, video.num_frames] for video in videos],
        [data.modality, data.short_side, clips.spec.crop, data.fps],
        frames,
        [network.view, network.size or clips.spec.crop, network.clips],
        _arithmetic(network),
    ]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


def _arithmetic(network: Network) -> list[Any]:
    """Returns what a network's answers depend on beside its weights and its clips."""
    model: Any = network.model
    backbone = model.backbone
    dtype = jnp.dtype(getattr(backbone, "dtype", jnp.float32))
    # Backbones of one kind can have the same weights: a stride, or a way to pool, has none.
    fields = {
        field.name: repr(getattr(backbone, field.name))
        for field in dataclasses.fields(backbone)
        if field.name not in ("parent", "name", "dtype")
    }
    kind = f"{type(backbone).__module__}.{type(backbone).__qualname__}"
    return [kind, fields, dtype.name, dataclasses.asdict(model.normalisation)]


def _save(path: Path, said: Said) -> None:
    """Writes a .npz file; runs at the same time may answer the same question."""
    with written(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **dict[str, Any](said))


def _load(path: Path) -> Said:
    """Reads a file that `_save` wrote.

    Raises:
      InputError: it is damaged.
    """
    try:
        with np.load(path) as saved:
            return {name: saved[name] for name in saved.files}
    except DAMAGED as error:
        raise InputError(
            f"'{path}' holds no answers about clips ({type(error).__name__}); delete it, and the "
            "network is asked again"
        ) from error
