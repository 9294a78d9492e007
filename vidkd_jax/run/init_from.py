"""Starting from weights (`model.init_from`): public ones, or the best student of a finished run."""

import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path

from vidkd_jax.errors import InputError, naming
from vidkd_jax.models import lookup
from vidkd_jax.networks import public_names, weights
from vidkd_jax.networks.card import Card, check_split
from vidkd_jax.networks.network import Variables
from vidkd_jax.run import inputs
from vidkd_jax.runtime import sharding
from vidkd_jax.settings.settings import ModelSettings, Settings


def cards(settings: Settings) -> list[Card]:
    """Returns the card of the weights to start from, which must fit the run.

    Returns:
      One card; none where the run starts from no weights.

    Raises:
      InputError: the folder holds no weights, or another network's.
    """
    model = settings.model
    if not model.init_from:
        return []
    with naming("config.model.init_from"):
        card = weights.load_card(Path(model.init_from))
    found = {
        **{name: getattr(card, name) for name in ("model", "width", "in_channels")},
        "residual": card.normalisation.residual,
    }
    wanted = {
        "model": model.name,
        "width": model.width,
        "in_channels": inputs.in_channels(settings.data),
        "residual": model.residual,
    }
    for name, value in wanted.items():
        if found[name] != value:
            converted = " (a checkpoint's is what convert --residual said)" if card.source else ""
            raise InputError(
                f"config.model.init_from: '{model.init_from}' holds weights of "
                f"{name}={found[name]}, the run has {name}={value}; make them agree"
                + (converted if name == "residual" else "")
            )
    check_split("model.init_from", model.init_from, card, settings.data)
    return [card]


def first_variables(model: ModelSettings, fresh: Variables, anew: Mapping[str, str]) -> Variables:
    """Returns the weights to start from, and says on stderr which heads start afresh.

    Args:
      model: settings of the student's network.
      fresh: the network, initialised; returned where `model.init_from` names nothing. Of two peers
        the first starts from the weights, the other afresh.
      anew: layers that start afresh whatever the weights have, and why.

    Raises:
      InputError: the folder holds no weights, or another network's.
    """
    if not model.init_from:
        return fresh
    folder, head = Path(model.init_from), lookup(model.name).head
    _, loaded = weights.load(folder)
    arrays = public_names.by_public_name(loaded, head=head)
    source = f"config.model.init_from: '{folder}'"
    alone = weights.student_of(fresh)
    variables, report = public_names.fill(alone, arrays, head=head, source=source, anew=anew)
    if sharding.is_main():
        for line in report.lines():
            print(f"{folder}: {line}", file=sys.stderr)
    if alone is fresh:
        return variables
    # The peer starts afresh: from the same weights, two peers would stay the same for ever.
    return dataclasses.replace(
        fresh,
        params={**fresh.params, "student": variables.params},
        batch_stats={**fresh.batch_stats, "student": variables.batch_stats},
    )
