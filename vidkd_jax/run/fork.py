"""A fork: a run that goes on from the whole state of another run, its trunk, after one epoch.

Arms of a study that fork from one trunk share its weights, its optimiser, its place in the schedule
and, with the trunk's seed, the order of its clips. So they differ by what is studied, and hardly by
when each of them happened to begin to learn. A fork with another seed draws other clips from there
on: set beside the trunk, it shows how far two equal arms end apart.
"""

from pathlib import Path

from vidkd_jax.data.record_sets import may_be_same
from vidkd_jax.errors import InputError
from vidkd_jax.networks import weights
from vidkd_jax.run import origins, workdir
from vidkd_jax.run.saved import saved_settings
from vidkd_jax.settings.settings import Settings

# What trunk and fork must have in common: their state is of this network and optimiser, and has
# seen these videos.
_ALIKE: tuple[str, ...] = ("model.", "data.", "optim.name", "train.batch_size", "train.repeats")


def trunk_cards(settings: Settings, records: str) -> list[weights.Card]:
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
    may_differ = {*workdir.MAY_CHANGE, *origins.FIELDS, "data.workers"}
    if "flow" not in (before["data.modality"], now["data.modality"]):
        may_differ.add("data.modality")  # flow beside RGB is a teacher's
    if not (before["data.fold"] or now["data.fold"]):
        may_differ.add("data.folds")  # all of them train
    must_agree = _ALIKE
    if settings.schedule.name == "plateau":  # it goes on from the trunk's rate; others plan theirs
        must_agree = (*_ALIKE, "optim.learning_rate")
    for field in now:
        alike = field.startswith(must_agree) and field not in may_differ
        if alike and before.get(field) != now[field]:
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
