import dataclasses

import numpy as np
import pytest

from vidkd_jax.errors import InputError
from vidkd_jax.tables import statistics
from vidkd_jax.tables.metrics import METRICS
from vidkd_jax.tables.run_results import GroupSums, RunResult, read_run
from vidkd_jax.tables.statistics import Bootstrap, compare

OF_CLIPS = tuple(m for m in METRICS.values() if m.reader and m.reader.level != "probe")


def by_seed(**rows):
    return {name: dict(enumerate(runs)) for name, runs in rows.items()}


def value(result, name, weights):
    return result.figure(METRICS[name], weights)


def write_run(folder, logits, labels, videos, groups):
    folder.mkdir()
    (folder / "config.json").write_text('{"eval": {"average": "softmax", "calibration_bins": 15}}')
    np.savez(
        folder / "predictions.npz",
        logits=np.asarray(logits, np.float32),
        labels=np.asarray(labels),
        videos=videos,
        groups=groups,
    )
    return folder


@pytest.fixture
def run_file(tmp_path):
    def make(name, correct):
        """Two groups of two videos, with one clip each; `correct` says which are recognised."""
        logits = [[4.0, 0.0] if right else [0.0, 4.0] for right in correct]
        videos = np.array(["a1", "a2", "b1", "b2"])
        return write_run(tmp_path / name, logits, [0] * 4, videos, np.array(["a", "a", "b", "b"]))

    return make


def test_sums_give_the_plain_metrics_back(run_file):
    result = read_run(run_file("x", [1, 1, 1, 0]), OF_CLIPS)
    ones = np.ones((1, 2))
    confidence = 1 / (1 + np.exp(-4))
    assert result.groups == ("a", "b")
    assert value(result, "video_top1", ones) == pytest.approx([0.75])
    assert value(result, "clip_ece", ones) == pytest.approx([confidence - 0.75], rel=1e-6)
    assert value(result, "clip_overconfidence", ones) == pytest.approx([confidence - 0.75])
    unsure = read_run(run_file("y", [1, 1, 1, 1]), OF_CLIPS)
    assert value(unsure, "video_overconfidence", ones) == pytest.approx([confidence - 1])


def test_resampling_groups_weighs_them(run_file):
    result = read_run(run_file("x", [1, 1, 1, 0]), OF_CLIPS)
    weights = np.array([[2.0, 0.0], [0.0, 2.0]])
    assert value(result, "video_top1", weights) == pytest.approx([1.0, 0.5])


def test_paired_difference_of_equal_arms_is_exactly_zero(run_file):
    runs = [
        read_run(run_file(f"s{s}", c), OF_CLIPS) for s, c in enumerate(([1, 1, 0, 0], [1, 0, 1, 1]))
    ]
    table = compare(by_seed(a=runs, b=runs), {"a": "a", "b": "a"}, OF_CLIPS)
    figure, difference = table["b"]["video_top1"]
    assert figure.mean == pytest.approx(0.625) and figure.low < figure.mean < figure.high
    assert figure.std == pytest.approx(np.std([0.5, 0.75], ddof=1))
    assert (difference.mean, difference.low, difference.high) == (0.0, 0.0, 0.0)


def test_difference_is_paired_by_seed(run_file):
    low = [
        read_run(run_file(f"l{s}", c), OF_CLIPS) for s, c in enumerate(([1, 0, 1, 0], [0, 0, 0, 0]))
    ]
    high = [
        read_run(run_file(f"h{s}", c), OF_CLIPS) for s, c in enumerate(([1, 1, 1, 1], [1, 0, 1, 0]))
    ]
    rows, references = by_seed(low=low, high=high), {"low": "low", "high": "low"}
    difference = compare(rows, references, OF_CLIPS)["high"]["video_top1"][1]
    assert difference.mean == difference.low == difference.high == 0.5


def test_a_row_of_fewer_seeds_is_paired_with_those(run_file):
    low = [
        read_run(run_file(f"l{s}", c), OF_CLIPS)
        for s, c in enumerate(([1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1]))
    ]
    high = [
        read_run(run_file(f"h{s}", c), OF_CLIPS) for s, c in enumerate(([1, 1, 1, 1], [1, 0, 1, 0]))
    ]
    rows, references = by_seed(low=low, high=high), {"low": "low", "high": "low"}
    figure, difference = compare(rows, references, OF_CLIPS)["high"]["video_top1"]
    assert figure.mean == 0.75 and difference.mean == difference.low == difference.high == 0.5
    # The figure of the row that has more seeds is of all of them, whatever it is compared with.
    alone = compare(rows, references, OF_CLIPS)["low"]["video_nll"][0]
    assert compare(rows, {**references, "low": "high"}, OF_CLIPS)["low"]["video_nll"][0] == alone


def test_a_run_that_all_seeds_share_is_compared_with_each(run_file):
    low = [
        read_run(run_file(f"l{s}", c), OF_CLIPS) for s, c in enumerate(([1, 0, 1, 0], [0, 0, 0, 0]))
    ]
    once = [read_run(run_file("once", [1, 1, 1, 1]), OF_CLIPS)]
    for reference, sign in (("low", 1), ("once", -1)):
        references = {"low": reference, "once": reference}
        compared = compare(by_seed(low=low, once=once), references, OF_CLIPS, shared={"once"})
        _, difference = compared["once" if sign > 0 else "low"]["video_top1"]
        assert difference.mean == pytest.approx(sign * 0.75)
        assert difference.per_seed == pytest.approx((sign * 0.5, sign * 1.0))
        assert len(compared["once"]["video_top1"][0].per_seed) == 1


@pytest.mark.parametrize("first", [True, False])
def test_the_chance_of_a_run_that_many_are_compared_with_counts(first, run_file):
    """All groups are alike: of 3 differences to one run the variance is s^2 / 3 + s^2.

    A wrong answer costs 4 nats more than a right one, so that the standard deviation is 2.
    """
    outcomes = ([1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1])
    many = [read_run(run_file(f"s{s}", c), OF_CLIPS) for s, c in enumerate(outcomes)]
    once = [read_run(run_file("once", [0] * 4), OF_CLIPS)]
    rows = by_seed(many=many, once=once)
    row, reference = ("many", "once") if first else ("once", "many")
    compared = compare(rows, {row: reference, reference: reference}, OF_CLIPS, shared={"once"})
    figure = compared[row]["video_nll"][1]
    half = 4.303 * 2 * np.sqrt(1 / 3 + 1)
    assert figure.high - figure.low == pytest.approx(2 * half, rel=0.1)
    own = compared["many"]["video_nll"][0]  # of its own mean nothing changes
    assert own.high - own.low == pytest.approx(2 * 4.303 * 2 / np.sqrt(3), rel=0.1)


def test_the_chance_of_a_network_that_answers_both_rows_is_not_on_one_side_alone(run_file):
    """A sampler chooses clips for a teacher that answers the other row: the samplers alone vary."""
    outcomes = ([1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1])
    many = [read_run(run_file(f"s{s}", c), OF_CLIPS) for s, c in enumerate(outcomes)]
    once = [read_run(run_file("once", [0] * 4), OF_CLIPS)]
    rows, references = by_seed(many=many, once=once), {"many": "once", "once": "once"}
    found = compare(rows, references, OF_CLIPS, shared={"once"}, same_networks={"many"})
    figure, difference = found["many"]["video_nll"]
    assert difference.high - difference.low == pytest.approx(figure.high - figure.low)


def test_that_chance_counts_in_what_is_measured_of_pairs_of_curves():
    """To 0.9 three runs take 1, 2 and 4 epochs, the single one takes 4: log2 of 4, 2 and 1."""
    one, two, four = (RunResult((), {}, {}, curve) for curve in 0.9 * np.eye(4)[[0, 1, 3]])
    rows = by_seed(many=[one, two, four], once=[four])
    metric, references = METRICS["speed_up"], {"many": "once", "once": "once"}
    found, _ = compare(rows, references, [metric], shared={"once"})["many"]["speed_up"]
    assert found.per_seed == (2.0, 1.0, 0.0)
    half = 4.303 * 1 * np.sqrt(1 / 3 + 1)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.01)


def test_the_spread_of_few_seeds_counts_as_students_t_says(run_file):
    """All groups are alike, so only seeds are random: 3 seeds give 2 degrees of freedom."""
    outcomes = ([1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1])
    runs = [read_run(run_file(f"s{s}", c), OF_CLIPS) for s, c in enumerate(outcomes)]
    nothing = [read_run(run_file(f"n{s}", [0] * 4), OF_CLIPS) for s in range(3)]
    rows = by_seed(a=runs, b=nothing)
    figure = compare(rows, {"a": "b", "b": "b"}, OF_CLIPS)["a"]["video_top1"][1]
    half = 4.303 * 0.5 / np.sqrt(3)
    assert figure.mean == pytest.approx(0.5)
    assert (figure.low, figure.high) == pytest.approx((0.5 - half, 1), rel=0.1)  # 1 at most


def test_the_interval_of_a_calibration_error_holds_its_estimate(tmp_path):
    """The model is calibrated as well as 400 videos allow; resampling adds noise to the error."""
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1.0, 400)
    right = rng.uniform(size=400) < confidence
    logits = np.log(np.stack([confidence, 1 - confidence], axis=1))
    names = np.array([f"v{i}" for i in range(400)])
    groups = np.array([f"g{i % 100}" for i in range(400)])
    labels = np.where(right, 0, 1)
    result = read_run(write_run(tmp_path / "c", logits, labels, names, groups), OF_CLIPS)
    figure = compare(by_seed(a=[result]), {"a": "a"}, OF_CLIPS)["a"]["clip_ece"][0]
    assert figure.low < figure.mean < figure.high


def test_clips_of_a_video_are_averaged(tmp_path):
    logits = np.log([[0.9, 0.1], [0.2, 0.8]])
    path = write_run(tmp_path / "v", logits, [0, 0], np.array(["a", "a"]), np.array(["g", "g"]))
    result = read_run(path, OF_CLIPS)
    assert value(result, "clip_top1", np.ones((1, 1))) == [0.5]
    assert value(result, "video_top1", np.ones((1, 1))) == [1.0]


def of_groups(means):
    """A run whose test groups have 50 videos each, of which a share of `means` is right."""
    count = np.full(len(means), 50.0)
    sums = {"video_top1": GroupSums(count, count * means)}
    return RunResult(tuple(f"g{i}" for i in range(len(means))), sums, {})


@pytest.mark.parametrize("num_groups", [4, 12])
def test_the_interval_over_few_groups_holds_the_truth_in_95_of_100(num_groups):
    rng = np.random.default_rng(1)
    held = []
    for _ in range(400):
        run, other = (of_groups(0.5 + 0.1 * rng.standard_normal(num_groups)) for _ in range(2))
        found = Bootstrap(1, num_groups).difference([run], [other], METRICS["video_top1"])
        held.append(found.low <= 0 <= found.high)
    assert 0.92 < np.mean(held) < 0.98


@pytest.mark.parametrize("num_seeds", [2, 3, 5])
@pytest.mark.parametrize(
    "of_runs, of_groups_alike, of_both",
    [(0.0, 0.0, 0.1), (0.02, 0.0, 0.1), (0.0, 0.1, 0.05)],
    ids=["the test set alone", "seeds", "groups"],
)
def test_the_interval_over_seeds_and_groups_holds_the_truth(
    num_seeds, of_runs, of_groups_alike, of_both
):
    """A run and a group have chance in common, which the spread over seeds holds already."""
    rng = np.random.default_rng(3)
    bootstrap, groups, metric = Bootstrap(num_seeds, 72), 72, METRICS["video_top1"]
    held = []
    for _ in range(200):
        alike = of_groups_alike * rng.standard_normal(groups)
        runs = [
            of_groups(
                0.5
                + of_runs * rng.standard_normal()
                + alike
                + of_both * rng.standard_normal(groups)
            )
            for _ in range(num_seeds)
        ]
        found = bootstrap.estimate(runs, metric)
        held.append(found.low <= 0.5 <= found.high)
    assert 0.9 < np.mean(held) <= (0.99 if of_both == 0.1 else 1.0)


def test_many_groups_have_fewer_resamples_but_a_thousand(monkeypatch):
    for largest, resamples in ((2**25, 10_000), (8 * 2_000, 2_000), (8, 1_000)):
        monkeypatch.setattr(statistics, "_LARGEST", largest)
        assert Bootstrap(1, 8)._weights.shape == (resamples, 8)


def test_a_share_may_be_beyond_1_by_rounding_alone():
    mine = dataclasses.replace(METRICS["video_top1"], name="mine")
    assert Bootstrap(2, 0).estimate_of([1 + 1e-9, 1.0], mine).mean == pytest.approx(1)
    assert Bootstrap(2, 0).estimate_of([-1e-9, 0.0], mine).mean == pytest.approx(0, abs=1e-8)
    for figure in (1.01, -0.01):
        with pytest.raises(InputError, match=f"'mine' has the figure {figure}, and is printed in"):
            Bootstrap(2, 0).estimate_of([figure, 0.5], mine)


def test_resampled_groups_are_stretched_by_what_they_spread_too_little():
    for num_groups, factor in ((1, 1.0), (4, 1.875), (288, 1.006)):  # t of 3 is 3.182
        assert statistics._stretch(num_groups) == pytest.approx(factor, abs=1e-3)


def test_the_share_in_common_is_what_many_runs_would_leave():
    """Two runs have a variance of 1 in common and of 4 each alone: their mean has 1 + 4 / 2."""
    common, first, second = np.array([[1, 1, -1, -1], [2, -2, 2, -2], [2, -2, -2, 2]])
    runs = np.stack([common + first, common + second])
    assert statistics._share_in_common(runs) == pytest.approx(np.sqrt(1 / 3))
    assert statistics._share_in_common(runs[:1]) == 1.0


def test_two_seeds_that_agree_by_chance_leave_the_groups_their_part():
    halves = [0.2, 0.8, 0.4, 0.6]
    runs = [of_groups(np.array(means)) for means in (halves, halves[::-1])]  # of one mean
    metric, bootstrap = METRICS["video_top1"], Bootstrap(2, 4)
    both = bootstrap.estimate(runs, metric)
    alone = bootstrap.estimate([of_groups(np.mean([halves, halves[::-1]], axis=0))] * 2, metric)
    assert both.std == 0
    assert (both.low, both.high) == pytest.approx((alone.low, alone.high))


def test_the_interval_of_a_share_ends_at_nothing_and_at_all():
    runs = [of_groups(np.array([mean] * 4)) for mean in (0.05, 0.95)]
    metric, bootstrap = METRICS["video_top1"], Bootstrap(2, 4)
    figure = bootstrap.estimate(runs, metric)
    assert (figure.low, figure.high) == (0, 1)
    difference = bootstrap.difference(runs, runs[::-1], metric)
    assert (difference.low, difference.high) == (-1, 1)


def test_of_one_seed_and_one_group_nothing_is_known():
    figure = Bootstrap(1, 1).estimate([of_groups([0.5])], METRICS["video_top1"])
    assert figure.mean == 0.5 and np.isnan([figure.low, figure.high]).all()


def test_the_opposite_of_a_difference_has_the_opposite_interval():
    rng = np.random.default_rng(2)
    alike = rng.uniform(size=5) / 4  # in all of our runs
    ours, theirs = (
        [of_groups(share * alike + rng.uniform() / 4 + rng.uniform(size=5) / 4) for _ in range(3)]
        for share in (1, 0)
    )
    found, opposite = (
        Bootstrap(3, 5).difference(*pair, METRICS["video_top1"])
        for pair in ((ours, theirs), (theirs, ours))
    )
    assert (found.low, found.high) == pytest.approx((-opposite.high, -opposite.low))


def test_the_interval_of_a_share_of_runs_ends_at_0_and_1():
    found = Bootstrap(2, 0).estimate_of([1.0, 0.0], METRICS["reaches"])
    assert (found.mean, found.low, found.high) == (0.5, 0.0, 1.0)
    free = Bootstrap(2, 0).estimate_of([1.0, 0.0], METRICS["speed_up"])
    assert free.low < 0 and free.high > 1
