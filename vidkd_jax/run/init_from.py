"""Starting from weights (`model.init_from`): public ones, or the best student of a finished run."""

import sys
from pathlib import Path

from ml_collections import ConfigDict

from vidkd_jax.errors import InputError
from vidkd_jax.models import Normalisation, lookup
from vidkd_jax.models.normalisation import default_normalisation
from vidkd_jax.networks import public_names, weights
from vidkd_jax.networks.network import Variables
from vidkd_jax.runtime import sharding


def normalisation(config: ConfigDict, *, in_channels: int) -> Normalisation:
    """Returns the input normalisation of the weights; the default where there are none.

    Args:
      config: of the run.
      in_channels: of its clips.

    Raises:
      InputError: the folder holds no weights, or another network's.
    """
    if not config.model.init_from:
        return default_normalisation(in_channels)
    card = weights.load_card(Path(config.model.init_from))
    here = {"model": config.model.name, "width": config.model.width, "in_channels": in_channels}
    for name, value in here.items():
        if getattr(card, name) != value:
            raise InputError(
                f"config.model.init_from: '{config.model.init_from}' holds weights of "
                f"{name}={getattr(card, name)}, the run has {name}={value}; make them agree"
            )
    weights.check_split(
        "model.init_from",
        Path(config.model.init_from),
        card,
        dataset=config.data.name,
        split=config.data.split,
    )
    return card.normalisation


def cards(config: ConfigDict) -> list[weights.Card]:
    """Returns the card of the weights to start from; none where there are none."""
    return [weights.load_card(Path(config.model.init_from))] if config.model.init_from else []


def first_variables(config: ConfigDict, fresh: Variables) -> Variables:
    """Returns the weights to start from, and says on stderr which heads start afresh.

    Args:
      config: of the run.
      fresh: the network, initialised; returned where `model.init_from` names nothing. Of two peers
        the first starts from the weights, the other afresh.

    Raises:
      InputError: the folder holds no weights, or another network's.
    """
    if not config.model.init_from:
        return fresh
    folder, head = Path(config.model.init_from), lookup(config.model.name).head
    _, loaded = weights.load(folder)
    arrays = public_names.by_public_name(loaded, head=head)
    source = f"config.model.init_from: '{folder}'"

    is_pair = "peer" in fresh.params
    alone = Variables(fresh.params["student"], fresh.batch_stats["student"]) if is_pair else fresh
    variables, report = public_names.fill(alone, arrays, head=head, source=source)
    if sharding.is_main():
        for line in report.lines():
            print(f"{folder}: {line}", file=sys.stderr)
    if not is_pair:
        return variables
    # The peer starts afresh: from the same weights, two peers would stay the same for ever.
    return Variables(
        {**fresh.params, "student": variables.params},
        {**fresh.batch_stats, "student": variables.batch_stats},
    )
