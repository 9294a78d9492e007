import dataclasses

import numpy as np
import pytest

from vidkd_jax.run.schedule import Progress, Schedule

SCHEDULE = Schedule(
    name="plateau",
    learning_rate=0.1,
    epochs=100,
    warmup_epochs=0,
    patience=3,
    factor=0.1,
    min_learning_rate=1e-4,
    early_stopping=7,
)


def run(accuracies, progress=None):
    progress = progress or Progress(learning_rate=0.1)
    for accuracy in accuracies:
        progress = progress.after_epoch(accuracy, 1.0, SCHEDULE)
    return progress


def test_only_a_strictly_better_epoch_is_best():
    progress = run([0.5, 0.5])
    assert (progress.best_epoch, progress.bad_epochs, progress.is_best()) == (1, 1, False)
    assert run([0.5, 0.6]).is_best()


def test_of_equal_epochs_of_a_cosine_the_last_is_best():
    cosine = dataclasses.replace(SCHEDULE, name="cosine")
    progress = Progress(learning_rate=0.1)
    for accuracy in (0.5, 0.5, 0.4):
        progress = progress.after_epoch(accuracy, 1.0, cosine)
    assert (progress.best_epoch, progress.best_accuracy) == (2, 0.5)


def test_accuracy_zero_is_better_than_none():
    assert run([0.0]).is_best()


def test_rate_drops_after_patience_bad_epochs_and_counts_anew():
    assert run([0.5, 0.4, 0.4]).learning_rate == 0.1
    dropped = run([0.5, 0.4, 0.4, 0.4])
    assert abs(dropped.learning_rate - 0.01) < 1e-12 and dropped.bad_epochs == 0
    assert abs(run([0.4, 0.4], dropped).learning_rate - 0.01) < 1e-12
    assert abs(run([0.4, 0.4, 0.4], dropped).learning_rate - 0.001) < 1e-12


def test_rate_has_a_floor_and_a_rate_below_it_is_left_alone():
    assert run([0.5] + [0.4] * 30).learning_rate == 1e-4
    assert run([0.5] + [0.4] * 30, Progress(learning_rate=1e-6)).learning_rate == 1e-6


def test_improvement_resets_the_patience():
    assert run([0.5, 0.4, 0.4, 0.6, 0.5, 0.5]).learning_rate == 0.1


def test_early_stopping_counts_from_the_best_epoch():
    assert not run([0.5] + [0.4] * 6).is_over(SCHEDULE)
    assert run([0.5] + [0.4] * 7).is_over(SCHEDULE)


@pytest.mark.parametrize(
    "later",
    [[0.45] * 12, [0.45, 0.55, *[0.5] * 12], [0.6, *[0.5] * 12], [0.5, *[0.45] * 12]],
)
def test_a_fork_that_changes_nothing_has_the_rates_and_the_end_of_its_trunk(later):
    """Its first best student is the one that it begins with, worse than the trunk's best."""
    trunk = run([0.5, 0.4, 0.45])
    fork = trunk.with_best(0.45)
    assert (fork.best_accuracy, fork.best_epoch) == (0.45, 3)
    for accuracy in later:
        trunk, fork = (run([accuracy], progress) for progress in (trunk, fork))
        assert (fork.learning_rate, fork.bad_epochs) == (trunk.learning_rate, trunk.bad_epochs)
        assert fork.is_over(SCHEDULE) == trunk.is_over(SCHEDULE)
    assert trunk.learning_rate < 0.1


def test_a_fork_of_a_fork_waits_for_what_the_first_trunk_had_reached():
    fork = run([0.3], run([0.5, 0.4]).with_best(0.4))
    again = fork.with_best(0.3)
    assert (again.trunk_best, again.trunk_best_epoch) == (0.5, 1)
    assert run([0.45], again).learning_rate < 0.1  # its third epoch that is no better
    assert run([0.55], again).learning_rate == 0.1
    better = run([0.6], run([0.5, 0.4]).with_best(0.4)).with_best(0.6)
    assert (better.trunk_best, better.trunk_best_epoch) == (0.6, 3)
    equal = run([0.5], run([0.5, 0.4]).with_best(0.4)).with_best(0.5)
    assert (equal.trunk_best, equal.trunk_best_epoch) == (0.5, 1)  # as no epoch had improved on it


def test_what_another_figure_has_not_improved_does_not_count():
    fork = run([0.5, *[0.4] * 2]).selected_anew().with_best(0.1)
    assert fork.bad_epochs == 0 and not fork.trunk_best_epoch
    assert run([0.2], fork).best_epoch == 4


@pytest.mark.parametrize("name", ["plateau", "cosine", "steps"])
def test_where_nothing_is_left_to_gain_the_rate_falls_and_training_ends(name):
    """Perfect for two epochs in a row (the first is alone): two more epochs, then the end."""
    rule = {"name": name, "epochs": 20, "patience": 9, "perfect_epochs": 2}
    schedule = dataclasses.replace(SCHEDULE, **rule)
    progress, rates, ends = Progress(learning_rate=0.1), [], []
    for accuracy in (1.0, 0.9, 1.0, 1.0, 1.0, 0.9):
        rates.append(progress.rate(schedule))
        progress = progress.after_epoch(accuracy, 1.0, schedule)
        ends.append(progress.end)
        assert progress.is_over(schedule) == (progress.epoch == 6)
        assert Progress(**progress.as_dict()) == progress
    assert ends == [0, 0, 0, 6, 6, 6]
    assert progress.best_epoch == 5  # of equal epochs the last, as its rate was the smallest
    fork = progress.with_best(1.0)
    assert (fork.perfect, fork.end, fork.is_over(schedule)) == (0, 0, False)
    full = [1.0] * 6 if name != "cosine" else [0.5 + 0.5 * np.cos(np.pi * e / 20) for e in range(6)]
    expected = [0.1 * part * fade for part, fade in zip(full, (1, 1, 1, 1, 1, 0.5), strict=True)]
    np.testing.assert_allclose(rates, expected)


def test_near_its_end_a_schedule_is_gone_through():
    schedule = dataclasses.replace(SCHEDULE, name="cosine", epochs=6, perfect_epochs=3)
    progress = Progress(learning_rate=0.1)
    for _ in range(6):
        progress = progress.after_epoch(1.0, 1.0, schedule)
        assert not progress.end and progress.is_over(schedule) == (progress.epoch == 6)
    assert progress.learning_rate == 0


def test_perfect_epochs_are_not_counted_unless_asked_for():
    progress = run([1.0] * 6)
    assert not progress.end and not progress.is_over(SCHEDULE)


def test_the_seconds_of_all_epochs_are_added_up():
    progress = Progress(learning_rate=0.1, train_seconds=5.0)
    for seconds in (2.0, 3.5):
        progress = progress.after_epoch(0.5, seconds, SCHEDULE)
    assert progress.train_seconds == 10.5


def test_progress_survives_json():
    progress = run([0.5, 0.4])
    assert Progress(**progress.as_dict()) == progress


def test_cosine_goes_from_the_first_rate_to_zero_whatever_validation_says():
    schedule = dataclasses.replace(SCHEDULE, name="cosine", epochs=4)
    progress, rates = Progress(learning_rate=0.1), []
    for accuracy in (0.5, 0.4, 0.4, 0.4):
        rates.append(progress.learning_rate)
        progress = progress.after_epoch(accuracy, 1.0, schedule)
    half = 2**-0.5 / 2
    assert rates == pytest.approx([0.1, 0.1 * (0.5 + half), 0.05, 0.1 * (0.5 - half)])
    assert progress.learning_rate == 0.0


@pytest.mark.parametrize("name", ["plateau", "cosine"])
def test_a_warm_up_ends_on_the_rate_that_there_would_be_without(name):
    cold = dataclasses.replace(SCHEDULE, name=name, epochs=6)
    warm = dataclasses.replace(cold, warmup_epochs=3)
    progress, ratios = Progress(learning_rate=0.1), []
    for accuracy in (0.5, 0.6, 0.6, 0.6, 0.7):
        ratios.append(progress.rate(warm) / progress.rate(cold))
        progress = progress.after_epoch(accuracy, 1.0, warm)
    assert ratios == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])


def test_a_cosine_is_never_stopped_early():
    schedule = dataclasses.replace(SCHEDULE, name="cosine")
    progress = Progress(learning_rate=0.1)
    for epoch in range(20):
        progress = progress.after_epoch(0.5 - epoch / 100, 1.0, schedule)
    assert progress.is_over(SCHEDULE) and not progress.is_over(schedule)


def test_steps_drop_the_rate_after_their_epochs_and_a_groups_after_its_own():
    """In ConDi the rate drops tenfold every 15 epochs; the confidence branch drops every epoch."""
    steps = dataclasses.replace(
        SCHEDULE,
        name="steps",
        drops=(2, 4),
        factors=(("confidence", 1.0), ("logits", 5.0)),
        group_drops=(("confidence", (1, 2, 3)),),
    )
    progress, rates, factors = Progress(learning_rate=0.1), [], []
    for _ in range(5):
        rates.append(progress.rate(steps))
        factors.append(progress.factors(steps))
        progress = progress.after_epoch(0.1, 1.0, steps)
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001])
    assert [f[0] for f in factors] == pytest.approx([1, 0.1, 0.01, 0.001, 0.001])
    assert [f[1] for f in factors] == pytest.approx([5.0] * 5)
    assert not progress.is_over(dataclasses.replace(steps, early_stopping=1))


def test_a_group_drops_under_a_cosine_too():
    cosine = dataclasses.replace(
        SCHEDULE,
        name="cosine",
        factors=(("confidence", 2.0),),
        group_drops=(("confidence", (2, 3)),),
    )
    progress, factors = Progress(learning_rate=0.1), []
    for _ in range(4):
        factors += progress.factors(cosine)
        progress = progress.after_epoch(0.1, 1.0, cosine)
    assert factors == pytest.approx([2.0, 2.0, 0.2, 0.02])


def test_a_figure_below_minus_one_improves_like_any_other():
    schedule = dataclasses.replace(SCHEDULE, patience=3, early_stopping=8, epochs=100)
    progress = Progress(learning_rate=0.1)
    for epoch in range(12):  # such as a log-likelihood
        progress = progress.after_epoch(-3 + 0.1 * epoch, 1.0, schedule)
    assert (progress.bad_epochs, progress.learning_rate) == (0, 0.1)
    assert not progress.is_over(schedule)


def test_where_the_last_epoch_counts_each_is_the_best_and_none_is_perfect():
    schedule = dataclasses.replace(SCHEDULE, perfect_epochs=1, early_stopping=1, epochs=9)
    progress = Progress(learning_rate=0.1)
    for _ in range(4):
        progress = progress.after_epoch(None, 1.0, schedule)
        assert progress.is_best() and not progress.is_over(schedule)
    assert (progress.perfect, progress.end, progress.learning_rate) == (0, 0, 0.1)
