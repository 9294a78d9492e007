"""Which settings may differ between processes, after a restart, at a fork, and between two runs."""

import pytest

from vidkd_jax.settings import differences
from vidkd_jax.settings.config import get_base_config, read


def _fields(**changes):
    return {**read(get_base_config()).by_field(), **changes}


@pytest.mark.parametrize(
    ("field", "value", "told_by"),
    [
        ("data.root", "elsewhere", ""),
        ("teachers.runs", ["elsewhere"], ""),
        ("eval.batch_size", 3, ""),
        ("model.init_from", "elsewhere", "runs"),
        ("data.workers", 2, "resumed"),
        ("seed", 5, "resumed"),
        ("data.folds", 4, "resumed runs"),
        ("data.modality", "rgb_flow", "resumed runs"),
        ("data.modality", "flow", "resumed forked runs"),
        ("optim.weight_decay", 0.3, "resumed runs"),
        ("optim.learning_rate", 0.3, "resumed forked runs"),
        ("model.width", 0.5, "resumed forked runs"),
        ("train.epochs", 7, "runs"),
    ],
)
def test_a_change_is_told_where_it_matters(field, value, told_by):
    before, now = _fields(), _fields(**{field: value})
    found = {
        "resumed": differences.when_resumed(before, now),
        "forked": differences.when_forked(before, now),
        "runs": differences.between_runs(before, now),
    }
    assert found == {name: [field] if name in told_by.split() else [] for name in found}


@pytest.mark.parametrize("schedule", [{"schedule.name": "cosine"}, {"schedule.perfect_epochs": 2}])
def test_a_run_whose_rate_was_planned_to_its_end_keeps_its_length(schedule):
    before, now = _fields(**schedule), _fields(**schedule, **{"train.epochs": 7})
    assert differences.when_resumed(before, now) == ["train.epochs"]


def test_a_fork_plans_its_own_rate_unless_it_waits_for_a_plateau():
    before, now = _fields(), _fields(**{"optim.learning_rate": 0.3, "schedule.name": "cosine"})
    assert differences.when_forked(before, now) == []


def test_folds_count_at_a_fork_where_one_of_them_does_not_train():
    before, now = _fields(**{"data.fold": 1}), _fields(**{"data.fold": 1, "data.folds": 4})
    assert differences.when_forked(before, now) == ["data.folds"]


def test_the_fields_are_settings():
    named = {*differences.PER_HOST, *differences.TAUGHT_BY, *differences.STARTED_FROM}
    assert named <= _fields().keys()
