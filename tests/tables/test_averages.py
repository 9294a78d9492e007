"""What several rows say together: the average of their differences, its interval, its seeds."""

import csv
import dataclasses
import json

import numpy as np
import pytest
from finished_runs import finish
from scipy import stats

from vidkd_jax.errors import InputError
from vidkd_jax.tables import Row, Table, load_table, power
from vidkd_jax.tables import __main__ as tables
from vidkd_jax.tables.arms import row_arm
from vidkd_jax.tables.averages import Average, average, average_lines, averages
from vidkd_jax.tables.columns import read_column
from vidkd_jax.tables.metric import Metric
from vidkd_jax.tables.metrics import METRICS
from vidkd_jax.tables.statistics import Estimate

NAMES = ("small", "small taught", "small taught more", "large", "large taught")
ROWS = (
    Row("small", "supervised_r18", paper={"pretext_top1": 40.0}, against="small"),
    Row("small taught", "ty_r18", paper={"pretext_top1": 45.0}, against="small"),
    Row("small taught more", "hints_r18", paper={"pretext_top1": 47.0}, against="small"),
    Row("large", "supervised_r34", paper={"pretext_top1": 50.0}, against="large"),
    Row("large taught", "ty_r50", paper={"pretext_top1": 51.0}, against="large"),
)
TABLE = Table(
    "Averages",
    ROWS,
    "small",
    {"marionette": {"": "marionette"}},
    metrics=("pretext_top1", Metric("nll", "NLL", per_cent=False), "retrieval_top1"),
    headline="pretext_top1",
    averages={"taught": ("small taught", "small taught more", "large taught")},
)
# By row and seed: the pretext task's accuracy. The differences from `small` are .02 and .04 with
# seed 0, .05 and .09 with seed 1; from `large` .01 and -.01.
FIGURES = {
    "small": (0.30, 0.20),
    "small taught": (0.32, 0.25),
    "small taught more": (0.34, 0.29),
    "large": (0.60, 0.50),
    "large taught": (0.61, 0.49),
}
SMALL, LARGE = [0.03, 0.07], [0.01, -0.01]  # the mean of each run that is compared with
MEAN = 0.025
STD = np.sqrt((0.02**2 * 2 + 0.01**2 * 2) / 2)  # within the two, two degrees of freedom


def run(row, seed, out):
    arm = row_arm(row, "marionette", seed, out)
    finish(arm, 0.5, seed)
    path = arm.folder / "summary.json"
    figure = FIGURES[row.name][seed]
    summary = {**json.loads(path.read_text()), "pretext_top1": figure, "nll": 10 * figure}
    path.write_text(json.dumps(summary | {"retrieval_top1": 0.5}))


@pytest.fixture
def out(tmp_path):
    for row in ROWS:
        for seed in (0, 1):
            run(row, seed, tmp_path)
    return tmp_path


def test_rows_that_are_compared_with_one_run_count_as_one(out):
    first, second, third = averages(read_column(TABLE, "", "marionette", [out], 2))
    assert (first.name, first.rows, first.of, first.references) == ("taught", 3, 3, 2)
    assert first.difference.per_seed == pytest.approx((0.02, 0.03))
    assert first.difference.mean == pytest.approx(MEAN) and first.freedom == 2
    assert first.difference.std == pytest.approx(STD)
    half = stats.t.ppf(0.975, 2) * STD / 2
    assert (first.difference.low, first.difference.high) == pytest.approx(
        (MEAN - half, MEAN + half)
    )
    # The paper's: (5 + 7) / 2 of the small one, 1 of the large one.
    assert first.paper == pytest.approx(0.035)
    assert second.difference.mean == pytest.approx(10 * MEAN) and second.paper is None
    assert third.difference.mean == third.difference.std == 0


def test_of_one_seed_the_references_say_how_sure_it_is(out):
    first, *_ = averages(read_column(TABLE, "", "marionette", [out], 1))
    assert first.difference.per_seed == (first.difference.mean,) == pytest.approx((0.02,))
    assert first.freedom == 1 and first.difference.std == pytest.approx(
        np.std([0.03, 0.01], ddof=1)
    )


@pytest.mark.parametrize("seeds", [(2, 2, 2), (1, 1, 1), (4, 2, 1)])
def test_the_interval_of_these_rows_holds_the_truth_in_95_of_100(seeds):
    """Two rows beside each reference, whose chance they share; references gain alike."""
    rng = np.random.default_rng(0)
    held = []
    for _ in range(4_000):
        each = {}
        for reference, count in enumerate(seeds):
            taught = (0.5 + rng.normal(0, 1, (count, 2)) - rng.normal(0, 1, (count, 1))).mean(
                axis=1
            )
            each[str(reference)] = dict(enumerate(taught))
        found, _ = average(each)
        held.append(found.low <= 0.5 <= found.high)
    assert np.mean(held) == pytest.approx(0.95, abs=0.015)


def test_how_far_references_differ_is_no_doubt_of_these_rows():
    """Gains of 0, 5 and 10: the average of these three is known, whatever others would gain."""
    rng = np.random.default_rng(0)
    held, widths = [], []
    for _ in range(2_000):
        each = {f"{g}": dict(enumerate(g + rng.normal(0, 1, 3))) for g in (0.0, 5.0, 10.0)}
        found, freedom = average(each)
        held.append(found.low <= 5 <= found.high)
        widths.append(found.high - found.low)
    assert freedom == 6 and np.mean(held) == pytest.approx(0.95, abs=0.015)
    assert np.mean(widths) < 2


def test_the_table_shows_them_and_writes_them(out, tmp_path):
    folder = tmp_path / "t"
    text = tables.write_table(TABLE, {"": "marionette"}, [out], folder, 2)
    assert (
        "| on average | rows | figure | difference | by seed | SD | seeds for 3 points | paper | "
        "seeds for the paper's |" in text
    )
    line = (
        "| taught | 3 | pretext | +2.5 [-2.3, +7.3] | +2.0, +3.0 | 2.2 | 4 to 11 | +3.5 | 3 to 9 |"
    )
    assert line in text
    assert (
        "| taught | 3 | NLL | +0.250 [-0.231, +0.731] | +0.200, +0.300 | 0.224 |  |  |  |" in text
    )
    assert "On average: of the differences of these rows" in text
    assert "on average" in (folder / "index.html").read_text()
    with (folder / "averages.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["metric"] for line in lines] == ["pretext_top1", "nll", "retrieval_top1"]
    assert float(lines[0]["difference"]) == pytest.approx(0.025)
    assert float(lines[0]["paper"]) == pytest.approx(0.035) and lines[1]["paper"] == ""
    assert lines[0]["rows"] == "3"
    assert [float(each) for each in lines[0]["by_seed"].split()] == pytest.approx([0.02, 0.03])


def test_what_is_finished_so_far_says_of_how_many_rows(tmp_path):
    for row in ROWS[:3]:
        run(row, 0, tmp_path)
    found = averages(read_column(TABLE, "", "marionette", [tmp_path], 2))
    heads, line, *_ = average_lines(found)
    assert dict(zip(heads, line, strict=True)) == {
        "on average": "taught",
        "rows": "2 of 3",
        "figure": "pretext",
        "difference": "+3.0",
        "by seed": "+3.0",
        "SD": "",
        "seeds for 3 points": "",
        "paper": "+6.0",
        "seeds for the paper's": "",
    }


@pytest.mark.parametrize("finished", [1, 2])
def test_nothing_is_written_where_a_row_of_them_at_most_is_finished(finished, tmp_path):
    for row in ROWS[:finished]:
        run(row, 0, tmp_path)
    text = tables.write_table(TABLE, {"": "marionette"}, [tmp_path], tmp_path / "t", 1)
    assert "on average" not in text.lower()
    assert not (tmp_path / "t" / "averages.csv").exists()


def test_an_old_file_of_averages_does_not_stay(out, tmp_path):
    folder = tmp_path / "t"
    tables.write_table(TABLE, {"": "marionette"}, [out], folder, 2)
    without = dataclasses.replace(TABLE, averages={})
    tables.write_table(without, {"": "marionette"}, [out], folder, 2)
    assert not (folder / "averages.csv").exists()


def test_seeds_that_some_rows_lack_do_not_weigh_the_average(tmp_path):
    """A reference counts as much as another, as in the paper's average, whatever its seeds."""
    for row in ROWS:
        for seed in (0, 1) if row.name.startswith("small") else (0,):
            run(row, seed, tmp_path)
    found = averages(read_column(TABLE, "", "marionette", [tmp_path], 2))
    assert found[0].difference.mean == pytest.approx((0.05 + 0.01) / 2)
    assert found[0].difference.per_seed == pytest.approx((0.02,)) and found[0].freedom == 1
    assert average_lines(found)[1][1] == "3 (pairs: 1 to 2)"


def test_a_row_that_lacks_a_seed_adds_no_spread(tmp_path):
    """It gains less than the other row of its reference, in every seed that there is."""
    for row in ROWS:
        for seed in (0, 1) if row.name != "small taught" else (0,):
            run(row, seed, tmp_path)
    first, *_ = averages(read_column(TABLE, "", "marionette", [tmp_path], 2))
    assert first.pairs == (1, 2) and first.references == 2
    assert first.difference.mean == pytest.approx((0.03 + 0.0) / 2)
    assert first.difference.std == pytest.approx(np.std([0.01, -0.01], ddof=1))


def test_rows_without_a_seed_in_common_have_their_mean(tmp_path):
    for row in ROWS[:3]:
        for seed in {"small taught": (0,), "small taught more": (1,)}.get(row.name, (0, 1)):
            run(row, seed, tmp_path)
    first, *_ = averages(read_column(TABLE, "", "marionette", [tmp_path], 2))
    assert first.difference.mean == pytest.approx((0.02 + 0.09) / 2)
    assert np.isnan(first.difference.std) and first.pairs == (1, 1)


def test_a_row_of_a_single_run_is_no_further_seed(tmp_path):
    single = dataclasses.replace(ROWS[2], only_seed=0)
    rows = (*ROWS[:2], single)
    for row in rows:
        for seed in (0,) if row is single else (0, 1):
            run(row, seed, tmp_path)
    table = dataclasses.replace(TABLE, rows=rows, averages={"taught": [r.name for r in rows[1:]]})
    first, *_ = averages(read_column(table, "", "marionette", [tmp_path], 2))
    # From .30 and .20: .02 and .05 of the first, .04 and .14 of the single run.
    assert first.difference.per_seed == pytest.approx((0.03, 0.095)) and first.freedom == 1


def test_the_papers_average_is_of_the_same_rows(out):
    rows = [dataclasses.replace(row, paper={}) if row.name == NAMES[2] else row for row in ROWS]
    table = dataclasses.replace(TABLE, rows=tuple(rows))
    assert averages(read_column(table, "", "marionette", [out], 2))[0].paper is None


def test_a_run_that_all_seeds_are_compared_with_counts_once(tmp_path):
    alone = dataclasses.replace(ROWS[0], only_seed=0)
    rows = (alone, *ROWS[1:3])
    for row in rows:
        for seed in (0,) if row is alone else (0, 1):
            run(row, seed, tmp_path)
    table = dataclasses.replace(TABLE, rows=rows, averages={"taught": NAMES[1:3]})
    found, *_ = averages(read_column(table, "", "marionette", [tmp_path], 2))
    assert found.difference.per_seed == pytest.approx((np.mean([0.02, 0.04, -0.05, -0.01]),))
    assert found.freedom == 0 and np.isnan(found.difference.low) and found.seeds_for(0.03) == ""


def test_seeds_are_of_every_row():
    """Simulated: of three references, so many seeds see the effect in four of five studies."""
    std, effect, arms = 3.0, 2.0, 3
    seeds = power.seeds_needed(std, effect, arms)
    assert seeds < power.seeds_needed(std, effect)
    rng = np.random.default_rng(0)

    def seen(count):
        found = []
        for _ in range(4_000):
            each = {str(a): dict(enumerate(rng.normal(effect, std, count))) for a in range(arms)}
            found.append(average(each)[0].low > 0)
        return np.mean(found)

    assert seen(seeds - 1) < 0.8 <= seen(seeds) + 0.02


def test_an_effect_that_no_number_of_seeds_sees_says_so():
    difference = Estimate(0.0, -0.1, 0.1, 0.06, (0.0, 0.0))
    metric = METRICS["pretext_top1"]
    found = Average("taught", 6, 6, (2, 2), metric, difference, 3, 3, None)
    assert found.seeds_for(0.0005) == "1000 or more"
    assert found.seeds_for(0.0) == ""
    assert found.seeds_for(-0.03) == found.seeds_for(0.03)


def test_a_share_of_pairs_is_no_difference():
    table = load_table("pclkd_table4")
    assert "reaches" in [metric.name for metric in table.shown_metrics()]
    assert METRICS["reaches"].of_pair and not METRICS["reaches"].sign


def test_tables_of_parts_average_both_kinds_of_teachers():
    table = load_table("pclkd_table5")
    every, same = table.averages.values()
    assert list(table.averages) == ["with a teacher", "with a teacher of these videos"]
    assert len(every) == len(same) == 6
    assert all(table.row(name).paper for name in every)


def test_a_part_of_a_table_averages_the_rows_that_it_has():
    part = TABLE.only("small", "small taught", "large")
    assert part.averages == {"taught": ("small taught",)}
    assert TABLE.only("small", "large").averages == {}
    other = TABLE.compared_with("large taught")
    assert other.averages == {"taught": ("small taught", "small taught more")}


@pytest.mark.parametrize(
    ("averages_", "message"),
    [
        ({"a": ("smal",)}, "none of this table's rows"),
        ({"a": ()}, "averages: 'a' has no rows"),
        ({"a": "small taught"}, "averages: 'a' has no rows"),
        ({"a": ("large",)}, "averages: 'a': row 'large' is compared with itself"),
    ],
)
def test_averages_that_mean_nothing_are_refused(averages_, message, tmp_path):
    path = tmp_path / "own_averages.py"
    path.write_text(
        "from vidkd_jax.tables import Row, Table\n"
        "ROWS = (Row('small', 'supervised_r18'), Row('small taught', 'ty_r18'),\n"
        "        Row('large', 'supervised_r34', against='large'))\n"
        f"TABLE = Table('t', ROWS, 'small', {{'m': {{'': 'laptop'}}}}, averages={averages_!r})\n"
    )
    with pytest.raises(InputError, match=message):
        load_table(str(path))
