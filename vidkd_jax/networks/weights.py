"""Weights in a folder, with a card that says which network they belong to.

`python -m vidkd_jax.convert` writes such a folder (`model.json` and `weights/`). The workdir of a
finished run is one, too: its best student is loaded.
"""

import dataclasses
import hashlib
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict

from vidkd_jax import models
from vidkd_jax.errors import InputError, check_text, suggest
from vidkd_jax.models import Head
from vidkd_jax.networks.card import Card, card_of
from vidkd_jax.networks.checkpoints import load_best_of, load_variables, save_variables
from vidkd_jax.networks.network import Variables, student_of
from vidkd_jax.runtime.files import read_object, write_json


def network_of(
    card: Card, dtype: str = "float32", *, heads: Iterable[str] = ()
) -> models.Recogniser:
    """Returns the network that the weights are of.

    Args:
      card: of the weights.
      dtype: that it computes in.
      heads: names of outputs that it gives besides its features and its classifier.

    Raises:
      InputError: the network does not have one of these outputs, or its backbone is not known here.
    """
    if card.model not in models.available():
        raise InputError(
            f"the network's backbone '{card.model}' is not known here: run this from Python, where "
            "models.register has been called with it"
        )
    for name in heads:
        if name not in card.heads:
            raise InputError(
                f"the weights of {card.model} have no output '{name}'{suggest(name, card.heads)}"
            )
    wanted = {name: card.heads[name] for name in heads}
    if card.num_classes:
        kind = card.heads.get("logits", Head(card.num_classes))
        wanted["logits"] = dataclasses.replace(kind, width=card.num_classes)
    return models.create(
        card.model,
        None,
        in_channels=card.in_channels,
        width=card.width,
        dtype=jnp.dtype(dtype),
        heads=wanted,
        normalisation=card.normalisation,
    )


def save(folder: Path, card: Card, variables: Variables) -> None:
    """Writes a folder; the card comes last, so that a folder with a card is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    save_variables(folder / "weights", variables)
    write_json(folder / "model.json", card.as_json())


def load_card(folder: Path) -> Card:
    """Returns the card of a folder of `convert`, or of a finished run's workdir.

    Raises:
      InputError: it is neither.
    """
    if (path := folder / "model.json").is_file():
        return card_of(path, read_object(path))
    if (path := folder / "summary.json").is_file():
        return card_of(path, read_object(path).get("network"))
    if (folder / "config.json").is_file():
        raise InputError(
            f"the run in '{folder}' is not finished; run its command again, with --finish to use "
            "its best epoch so far"
        )
    what = "holds no weights" if folder.is_dir() else "is no folder"
    raise InputError(
        f"'{folder}' {what}{_beside(folder)}; give a folder that `python -m vidkd_jax.convert` "
        "wrote, or the workdir of a finished run"
    )


def _beside(folder: Path) -> str:
    """Returns the folder of the nearest name beside one that is not there, as a question."""
    if folder.exists() or not folder.parent.is_dir():
        return ""
    names = {path.name for path in folder.parent.iterdir() if path.is_dir()}
    near = get_close_matches(folder.name, names, n=1)
    return f" (did you mean '{folder.parent / near[0]}'?)" if near else ""


def load(folder: Path) -> tuple[Card, Variables]:
    """Returns card and variables, NumPy, of a folder of `convert` or a finished run's best student.

    Raises:
      InputError: it is neither, or is damaged.
    """
    check_text("folder", folder)  # no checkpoint can be read there
    card = load_card(folder)
    if (folder / "model.json").is_file():
        return card, student_of(load_variables(folder / "weights"))
    best_epoch = read_object(folder / "summary.json").get("best_epoch", 0)
    return card, student_of(load_best_of(folder, best_epoch))


def digest(variables: Variables) -> str:
    """Returns a hash of a network's weights."""
    found = hashlib.sha256()
    for path, leaf in sorted(flatten_dict(variables.as_dict(), sep="/").items()):
        found.update(path.encode() + np.asarray(leaf).tobytes())
    return found.hexdigest()[:16]


def digests(folders: Iterable[str]) -> list[str]:
    """Returns a hash of the weights in each folder.

    Raises:
      InputError: one holds none.
    """
    return [digest(load(Path(folder))[1]) for folder in folders]
