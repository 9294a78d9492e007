"""Rows that go on from another row's state: arms of a study that share their first epochs."""

import dataclasses

from vidkd_jax.tables.row import TRUNK, Row, with_rows

_KEEP = "train.keep_epochs"
_OF_TRUNK_ALONE = (_KEEP, "model.init_from")  # a fork begins at the trunk's state
_APART = 1000  # seeds of an arm that draws other clips are those of its trunk plus this


def trunk(row: Row, after: int) -> Row:
    """Returns a row that keeps its state after an epoch, too, so that others can fork there."""
    kept = sorted({*row.overrides.get(_KEEP, ()), after})
    return dataclasses.replace(row, overrides={**row.overrides, _KEEP: tuple(kept)})


def forked(row: Row, stem: Row, after: int) -> Row:
    """Returns a row that goes on from a trunk of its seed, and is compared with the trunk.

    Args:
      row: what is done after the fork.
      stem: the trunk, made by `trunk`.
      after: the epoch of the fork.
    """
    fork = {TRUNK: stem, "train.fork_epoch": after}
    return dataclasses.replace(row, overrides={**row.overrides, **fork}, against=stem.name)


def other_clips(name: str, stem: Row, after: int) -> Row:
    """Returns the trunk's own arm with other clips after the fork: the noise floor of its forks.

    It has the trunk and the teachers of the table's seed, whichever seed it runs with.
    """
    back = stem.seed_offset - _APART

    def of_trunk(row: Row) -> Row:
        return dataclasses.replace(row, seed_offset=row.seed_offset + back)

    overrides = {f: v for f, v in stem.overrides.items() if f not in _OF_TRUNK_ALONE}
    own = {field: with_rows(value, of_trunk) for field, value in overrides.items()}
    again = Row(name, stem.config, own, seed_offset=_APART, dataset=stem.dataset)
    return forked(again, dataclasses.replace(stem, seed_offset=back), after)
