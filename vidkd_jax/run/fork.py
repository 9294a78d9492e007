"""A fork: a run that goes on from the whole state of another run, its trunk, after one epoch.

Arms of a study that fork from one trunk share its weights, its optimiser, its place in the schedule
and, with the trunk's seed, the order of its clips. So they differ by what is studied, and hardly by
when each of them happened to begin to learn. A fork with another seed draws other clips from there
on: set beside the trunk, it shows how far two equal arms end apart.
"""

from pathlib import Path

from vidkd_jax.data.record_sets import may_be_same
from vidkd_jax.errors import InputError
from vidkd_jax.networks.card import Card
from vidkd_jax.run import workdir
from vidkd_jax.run.saved import saved_settings
from vidkd_jax.settings import differences
from vidkd_jax.settings.settings import Settings


def trunk_cards(settings: Settings, records: str) -> list[Card]:
    """Returns the card of the run's trunk, which must fit it.

    Args:
      settings: of the run.
      records: `Card.records` of the run.

    Returns:
      One card; none where the run does not fork.

    Raises:
      InputError: the folder holds no run, or one of another network or of other videos.
    """
    if not settings.train.fork_from:
        return []
    trunk = Path(settings.train.fork_from)
    saved, now = saved_settings(trunk, any_method=True), settings.by_field()
    if saved is None:
        raise InputError(
            f"config.train.fork_from: '{trunk}' is not the folder of a run; name its --workdir"
        )
    before = saved.by_field()
    if fields := differences.when_forked(before, now):
        field = fields[0]
        raise InputError(
            f"config.{field}: {now[field]!r}, but the trunk '{trunk}' has "
            f"{before.get(field)!r}; a fork keeps it"
        )
    card = workdir.saved_card(trunk)
    if not may_be_same(card.records, records):
        raise InputError(
            f"config.train.fork_from: '{trunk}' was run on other videos or lists than those which "
            "are there now; a fork keeps its videos: run the trunk again"
        )
    return [card]
