"""Which metrics a table shows: read from predictions or summaries, compared, printed."""

import csv
import dataclasses
import json

import numpy as np
import pytest
from finished_runs import finish

from vidkd_jax.errors import InputError
from vidkd_jax.evaluation.predictions import softmax, summarise
from vidkd_jax.tables import Metric, PerItem, Row, Table, load_table
from vidkd_jax.tables import __main__ as tables
from vidkd_jax.tables.arms import arms, row_arm
from vidkd_jax.tables.metrics import METRICS, lookup
from vidkd_jax.tables.resolving import resolve
from vidkd_jax.tables.run_files import read_curve, read_predictions
from vidkd_jax.tables.run_results import read_run
from vidkd_jax.tables.statistics import compare
from vidkd_jax.tables.table import FOLDER

PROBE = Metric("probe_top1", "linear probe@1")
OF_ITEMS = {name: metric for name, metric in METRICS.items() if metric.reader}
FILES = ("predictions.npz", "linear_probe.npz")
ROWS = (Row("a", "supervised_r18"), Row("b", "ty_r18"))


def table(**fields):
    return Table("t", ROWS, "a", {"marionette": {"": "marionette"}}, **fields)


def write(out, shown, seeds=2):
    return tables.write_table(shown, {"": "marionette"}, [out], out / "t", seeds)


@pytest.fixture
def finish_rows(tmp_path):
    """Finished runs of ROWS; `probe` gives a number, the linear probe, of each row's seeds."""

    def make(probe, seeds=2, name=PROBE.name):
        for number, row in enumerate(ROWS):
            for seed, arm in enumerate(arms(row, "marionette", seeds, tmp_path)):
                finish(arm, 0.4 + 0.2 * number, 10 * number + seed)
                if row.name in probe:
                    path = arm.folder / "summary.json"
                    summary = json.loads(path.read_text())
                    path.write_text(json.dumps({**summary, name: probe[row.name][seed]}))
        return tmp_path

    return make


@pytest.fixture
def random_run(tmp_path):
    """A run of 60 clips of 24 videos in 5 groups, 8 classes; its probe answers the same clips."""
    rng = np.random.default_rng(0)
    video = np.sort(np.concatenate([np.arange(24), rng.integers(0, 24, 36)]))
    for name in FILES:
        np.savez(
            tmp_path / name,
            logits=rng.normal(size=(60, 8)).astype(np.float32),
            labels=(video * 5) % 8,
            videos=[f"v{v:02d}" for v in video],
            groups=[f"g{v % 5}" for v in video],
        )
    how = {"eval": {"average": "softmax", "calibration_bins": 15}}
    (tmp_path / "config.json").write_text(json.dumps(how))
    return tmp_path


def test_metrics_of_all_groups_are_those_of_a_runs_summary(random_run):
    expected = summarise(read_predictions(random_run).predictions, average="softmax", bins=15)
    result = read_run(random_run, tuple(OF_ITEMS.values()))
    found = {name: result.figure(metric)[0] for name, metric in OF_ITEMS.items()}
    same = sorted({*found} & {*expected})
    assert len(same) == 8  # top-1, top-5, likelihood, calibration; of clips and of videos
    np.testing.assert_allclose([found[n] for n in same], [expected[n] for n in same], rtol=1e-9)


def test_a_table_of_the_probe_needs_no_predictions(finish_rows):
    out = finish_rows({}, seeds=1)
    for path in list(out.rglob("predictions.npz")):
        path.rename(path.with_name("linear_probe.npz"))
    text = write(out, table(metrics=("probe_top1",), headline="probe_top1"), seeds=1)
    assert "| b | 1 | " in text and "linear probe@1 - a" in text
    with (out / "t/table.csv").open() as file:
        found = {r["metric"] for r in csv.DictReader(file)}
    assert found == {"probe_top1", "m_parameters", "minutes"}


@pytest.mark.parametrize("name", OF_ITEMS)
def test_a_group_of_weight_two_counts_as_if_it_were_there_twice(name, random_run):
    weights = np.array([[2.0, 1, 0, 1, 1]])
    weighted = read_run(random_run, [METRICS[name]]).figure(METRICS[name], weights)
    for file in FILES:
        give_weights(random_run / file)
    found = read_run(random_run, [METRICS[name]]).figure(METRICS[name])
    np.testing.assert_allclose(weighted, found, rtol=1e-9)


def give_weights(file):
    """Leaves group g2 out, and doubles g0."""
    with np.load(file) as arrays:
        arrays = dict(arrays)
    kept = np.flatnonzero(arrays["groups"] != "g2")
    again = np.flatnonzero(arrays["groups"] == "g0")
    twice = {key: np.concatenate([a[kept], a[again]]) for key, a in arrays.items()}
    twice["videos"] = np.concatenate(
        [arrays["videos"][kept], [f"{v} again" for v in arrays["videos"][again]]]
    )
    np.savez(file, **twice)


def test_what_the_probe_answers_is_read_from_its_own_file(random_run):
    with np.load(random_run / "linear_probe.npz") as arrays:
        right = arrays["logits"].argmax(axis=1) == arrays["labels"]
        motion = [softmax(row).reshape(4, 2).sum(axis=1).argmax() for row in arrays["logits"]]
        same = motion == arrays["labels"] // 2
    shown = lookup(("probe_top1", "probe_motion", "video_top1"))
    result = read_run(random_run, shown)
    found = [result.figure(metric)[0] for metric in shown[:2]]
    assert found == pytest.approx([right.mean(), same.mean()])
    alone = read_run(random_run, shown[:2])
    assert alone.groups == result.groups == tuple(f"g{i}" for i in range(5))
    (random_run / "linear_probe.npz").unlink()
    with pytest.raises(InputError, match=r"has no linear_probe\.npz.*delete its summary\.json"):
        read_run(random_run, shown[:1])


@pytest.mark.parametrize(
    ("name", "bounds", "of_difference"),
    [
        ("video_top1", (0, 1), (-1, 1)),
        ("clip_overconfidence", (-1, 1), (-2, 2)),
        ("video_nll", (-np.inf, np.inf), (-np.inf, np.inf)),
    ],
)
def test_no_interval_is_wider_than_what_can_be(name, bounds, of_difference, finish_rows):
    """Of two groups an interval by Student's t is endless."""
    metric = METRICS[name]
    assert (metric.bounds, metric.bounds_of_difference) == (bounds, of_difference)
    out = finish_rows({}, seeds=1)
    for path in out.rglob("predictions.npz"):
        with np.load(path) as arrays:
            halves = {**arrays, "groups": ["a"] * 31 + ["b"] * 29}
        np.savez(path, **halves)
    write(out, table(metrics=(name,), headline=name), seeds=1)
    with (out / "t/table.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == name]
    for row in rows:
        assert bounds[0] <= float(row["low"]) <= float(row["high"]) <= bounds[1]
        low, high = float(row["difference_low"]), float(row["difference_high"])
        assert of_difference[0] <= low <= high <= of_difference[1]


def write_fork(folder, values, start=None):
    """Writes a fork after epoch 2; `start` is the figure of its first student, if that is best."""
    history = [{"step": 1, "split": "val", "epoch": e, "top": v} for e, v in enumerate(values, 3)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in history))
    best = 2 if start else 2 + int(np.argmax(values)) + 1
    summary = {"selected_on": "top", "best_epoch": best, "val_top": start or max(values)}
    (folder / "summary.json").write_text(json.dumps(summary))


@pytest.mark.parametrize(
    ("values", "start", "expected"),
    [
        ([0.5, 0.4, 0.6], None, {"epochs_to_converge": 5, "validation": 0.6, "worse_epochs": 0.5}),
        ([0.3, 0.4], 0.5, {"epochs_to_converge": 2, "validation": 0.5, "below_best": 0.15}),
    ],
)
def test_epochs_of_a_fork_count_from_its_trunks_first(values, start, expected, tmp_path):
    write_fork(tmp_path, values, start)
    found = read_run(tmp_path, lookup(expected)).numbers
    assert found == pytest.approx(expected)


def test_a_fork_is_no_sooner_than_its_trunk(tmp_path):
    """Both reach 0.6, the trunk after 4 epochs, the fork in the third of its own."""
    write_fork(tmp_path, [0.5, 0.55, 0.6])
    speed_up = METRICS["speed_up"]
    curve = read_run(tmp_path, [speed_up]).curve
    assert speed_up.of_pair(curve, np.array([0.1, 0.3, 0.5, 0.6, 0.6])) == np.log2(4 / 5)
    assert METRICS["reaches"].of_pair(curve, np.array([0.1, 0.6])) == 1


def test_a_stage_before_the_fork_is_one_line(tmp_path):
    write_fork(tmp_path, [0.5] * 6)
    with pytest.raises(InputError, match=r"begin after the first 25% of all.*take the metric out"):
        read_run(tmp_path, [METRICS["early_stage"]])


def _wrong(*_):
    raise TypeError("of unknown kind")


def _without_a_key(*_):
    return {}["x"]  # which a damaged file may raise, too


@pytest.mark.parametrize(
    "metric",
    [
        Metric("mine", "mine", PerItem("video", _wrong)),
        Metric("mine", "mine", PerItem("video", METRICS["video_top1"].reader.terms, _wrong)),
        Metric("mine", "mine", of_curve=_wrong),
        Metric("mine", "mine", of_pair=_wrong),
        Metric("mine", "mine", PerItem("video", _without_a_key)),
    ],
    ids=["terms", "combine", "of_curve", "of_pair", "lookup"],
)
def test_a_metric_of_a_table_s_own_that_raises_is_one_line(metric, finish_rows):
    out = finish_rows({}, seeds=1)
    with pytest.raises(InputError, match=r"metrics: 'mine' of .* (TypeE|KeyE)rror: .*; correct it"):
        write(out, table(metrics=(metric,), headline="mine"), seeds=1)


@pytest.mark.parametrize(
    ("curve", "epochs", "worse", "below"),
    [
        ([0.1, 0.5, 0.4, 0.58, 0.6, 0.3], 4, 2 / 5, 0.2),  # .4 is .1 below, .3 is .3; .57 is 95 %
        ([0.2, 0.2, 0.3], 3, 0.0, 0.0),  # an equal epoch is not worse
        ([0.7], 1, 0.0, 0.0),
    ],
)
def test_how_a_run_did_from_epoch_to_epoch(curve, epochs, worse, below, tmp_path):
    history = [{"split": "train", "epoch": 1, "val_figure": 9.0}]
    history += [{"split": "val", "epoch": e, "val_figure": v} for e, v in enumerate(curve, 1)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in history))
    (tmp_path / "summary.json").write_text('{"selected_on": "val_figure"}')
    shown = lookup(("epochs_to_converge", "worse_epochs", "below_best", "validation"))
    result = read_run(tmp_path, shown)
    found = [result.figure(metric)[0] for metric in shown]
    assert found == pytest.approx([epochs, worse, below, max(curve)])


def write_curve(folder, curve):
    folder.mkdir()
    history = [{"split": "val", "epoch": e, "val_figure": v} for e, v in enumerate(curve, 1)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in history))
    (folder / "summary.json").write_text('{"selected_on": "val_figure"}')
    return folder


def test_stages_are_of_a_quarter_three_quarters_and_all_of_the_epochs(tmp_path):
    shown = lookup(
        ("early_stage", "mid_stage", "late_stage", "early_epoch", "mid_epoch", "late_epoch")
    )
    folder = write_curve(tmp_path / "run", [0.1, 0.3, 0.2, 0.4, 0.5, 0.4, 0.6, 0.5])
    result = read_run(folder, shown)
    found = [result.figure(metric)[0] for metric in shown]
    assert found == pytest.approx([0.3, 0.5, 0.6, 0.3, 0.4, 0.5])


@pytest.mark.parametrize("lost", [[3], [1], [1, 2], [2, 3]])
def test_a_curve_that_lacks_epochs_is_refused(lost, tmp_path):
    """The epochs after a gap would count as earlier ones, and without the first ones as a fork."""
    folder = write_curve(tmp_path / "run", [0.1, 0.3, 0.2, 0.4])
    config = resolve(row_arm(Row("a", "supervised_r18"), "marionette", 0)).as_json()
    (folder / "config.json").write_text(json.dumps(config))
    path = folder / "metrics.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for e, line in enumerate(lines, 1) if e not in lost))
    with pytest.raises(InputError, match="has lost the validation of some epochs"):
        read_curve(folder, "val_figure")


def test_a_run_that_takes_its_last_epoch_has_no_curve(tmp_path):
    folder = write_curve(tmp_path / "a", [0.1, 0.2])
    (folder / "summary.json").write_text('{"selected_on": "epoch"}')
    with pytest.raises(InputError, match="takes the last epoch and has no validation figure"):
        read_run(folder, lookup(("validation",)))
    with pytest.raises(InputError, match="no validation metric 'epoch'"):
        read_curve(folder, "epoch")


def test_a_run_is_as_much_faster_as_it_reaches_the_others_end_sooner(tmp_path):
    shown, reaches, above = lookup(("speed_up", "reaches", "above"))
    curves = {
        "slow": [0.1, 0.2, 0.3, 0.4],  # its end at epoch 4
        "fast": [0.2, 0.5, 0.4, 0.4],  # 0.4 at epoch 2
        "never": [0.1, 0.1, 0.2, 0.3],  # 0.3, which the slow one has at epoch 3, at epoch 4
        "stopped": [0.1],  # which all have at epoch 1
    }
    both = [shown, reaches, above]
    read = {n: read_run(write_curve(tmp_path / n, c), both) for n, c in curves.items()}
    runs = {name: {0: run, 1: run} for name, run in read.items()}
    found = compare(runs, dict.fromkeys(runs, "slow"), both)
    means = {name: found[name]["speed_up"][0].mean for name in runs}
    wanted = {"slow": 0.0, "fast": 1.0, "never": np.log2(3 / 4), "stopped": 0.0}
    assert means == pytest.approx(wanted)
    back = compare(runs, dict.fromkeys(runs, "fast"), both)
    assert back["slow"]["speed_up"][0].mean == -means["fast"]
    get_there = {name for name in runs if found[name]["reaches"][0].mean == 1}
    assert get_there == {"slow", "fast"}
    epochs = {name: found[name]["above"][0].mean for name in runs}
    assert epochs == {"slow": 0, "fast": 0.75, "never": 0, "stopped": 0}
    behind = {name: back[name]["above"][0].mean for name in runs}
    assert behind == {"slow": 0, "fast": 0, "never": 0, "stopped": 0}  # two are as good in the end
    assert found["fast"]["speed_up"][1].mean == 1.0  # there is nothing to subtract


def test_a_table_has_a_reader_of_its_own(random_run):
    """Brier's score: a mean over items, so that terms are all that it takes."""

    def squares(probabilities, labels, bins):
        truth = np.eye(probabilities.shape[1])[labels]
        return ((probabilities - truth) ** 2).sum(axis=1)

    brier = Metric("clip_brier", "Brier clip", PerItem("clip", squares), per_cent=False)
    saved = read_predictions(random_run).predictions
    expected = squares(saved.clip_probabilities(), saved.labels, 15).mean()
    assert read_run(random_run, [brier]).figure(brier) == pytest.approx([expected])


def test_a_number_of_the_summary_has_an_interval_over_seeds(finish_rows):
    out = finish_rows({"a": (0.5, 0.52), "b": (0.7, 0.74)})
    text = write(out, table(metrics=("video_top1", PROBE), headline="probe_top1"))
    heads, _, a, b = [line.split(" | ") for line in text.splitlines() if line.startswith("|")]
    assert heads[2:5] == ["Video@1", "linear probe@1", "linear probe@1 - a"]
    # Two seeds, one degree of freedom: 12.7 standard errors, by 10,000 draws.
    mean, low, high = read_interval(a[3])
    assert mean == 51.0 and (low, high) == pytest.approx((51 - 12.7, 51 + 12.7), abs=2)
    assert b[3].startswith("72.0 ± 2.8 [")
    mean, low, high = read_interval(b[4])  # paired: of 0.2 and 0.22
    assert mean == 21.0 and (low, high) == pytest.approx((21 - 12.7, 21 + 12.7), abs=2)
    assert "Of 'linear probe@1' the interval is over seeds alone, and one seed has none." in text
    with (out / "t/table.csv").open() as file:
        found = [r["metric"] for r in csv.DictReader(file) if r["row"] == "b"]
    every = "clip_top1 video_top1 clip_ece video_ece clip_overconfidence video_overconfidence"
    assert found == [*every.split(), "probe_top1", "m_parameters", "minutes"]


def read_interval(cell):
    """(mean, low, high) of "1.0 ± 2.0 [0.0, 2.0]"."""
    mean, _, interval = cell.partition(" ± ")
    low, high = interval.partition("[")[2].rstrip("]").split(", ")
    return float(mean), float(low), float(high)


def test_a_number_that_older_runs_lack_is_an_empty_cell_where_it_may_be(finish_rows):
    out = finish_rows({"a": (0.5,), "b": (0.75,)}, seeds=1)
    younger = Metric("younger", "younger", optional=True)
    text = write(out, table(metrics=(younger, PROBE), headline="probe_top1"), seeds=1)
    assert "| row | seeds | younger | linear probe@1 |" in text and "| b | 1 |  | 75.0 |" in text
    path = next(out.glob("runs/*/*/seed0/summary.json"))
    path.write_text(json.dumps({**json.loads(path.read_text()), "younger": 0.25}))
    text = write(out, table(metrics=(younger, PROBE), headline="probe_top1"), seeds=1)
    assert text.count("| 25.0 | ") == 1
    with pytest.raises(InputError, match=r"summary\.json has no number 'younger', which the table"):
        write(out, table(metrics=(dataclasses.replace(younger, optional=False),)), seeds=1)


def test_a_number_of_one_seeds_summary_has_no_interval(finish_rows):
    out = finish_rows({"a": (0.5,), "b": (0.75,)}, seeds=1)
    for path in out.rglob("predictions.npz"):
        path.unlink()  # which nothing reads then: a run of pretraining may have none
    text = write(out, table(metrics=(PROBE,), headline="probe_top1"), seeds=1)
    assert "| b | 1 | 75.0 | +25.0 |" in text
    assert "Per cent; one seed. Of 'linear probe@1'" in text
    with (out / "t/table.csv").open() as file:
        (found,) = [r for r in csv.DictReader(file) if (r["row"], r["metric"]) == ("b", PROBE.name)]
    assert (found["mean"], found["low"], found["difference_high"]) == ("0.75", "nan", "nan")
    with (out / "t/seeds.csv").open() as file:
        assert [r["figure"] for r in csv.DictReader(file)] == ["0.5", "0.75"]


@pytest.mark.parametrize("value", [None, True, "0.5"])
def test_a_run_without_the_number_is_one_line(value, finish_rows):
    out = finish_rows({"a": (0.5, 0.5), "b": (0.5, value)})
    with pytest.raises(InputError, match=r"summary\.json has no number 'probe_top1'") as caught:
        write(out, table(metrics=("video_top1", PROBE)))
    assert "ty_r18/seed1'" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("metric", "values", "remedy"),
    [
        (Metric("mine", "T"), (4.5, 4.9), "per_cent=False, or sign='\\+'"),
        (Metric("mine", "margin"), (-0.2, -0.1), "per_cent=False, or sign='\\+'"),
        (Metric("mine", "change", sign="+"), (1.5, 0.5), "per_cent=False$"),
        (Metric("mine", "sooner", of_pair=lambda *_: -1.5), (0.5, 0.5), "per_cent=False, or sign"),
    ],
)
def test_a_metric_in_per_cent_that_is_no_share_is_refused(metric, values, remedy, finish_rows):
    out = finish_rows({"a": values, "b": values}, name="mine")
    with pytest.raises(InputError, match=rf"metrics: 'mine' has the figure .*{remedy}"):
        write(out, table(metrics=(metric,), headline="mine"))


@pytest.mark.parametrize(
    "terms",
    [
        lambda p, y, _: np.take_along_axis(p, y[:, None], 1),
        lambda p, y, _: p[:1, 0],
        lambda p, y, _: p.mean(),
    ],
    ids=["[n, 1]", "[1]", "[]"],
)
def test_terms_that_are_not_of_each_item_are_refused(terms, finish_rows):
    out = finish_rows({}, seeds=1)
    metric = Metric("mine", "mine", PerItem("video", terms))
    with pytest.raises(InputError, match=r"metrics: 'mine' of .*terms of shape \(.* must be \[n\]"):
        write(out, table(metrics=(metric,), headline="mine"), seeds=1)


def test_a_metric_that_is_no_share_is_not_in_per_cent(finish_rows):
    out = finish_rows({})
    text = write(out, table(metrics=("video_top1", "video_nll", "video_top5")))
    heads, _, _, b = [line.split(" | ") for line in text.splitlines() if line.startswith("|")]
    assert heads[2:5] == ["Video@1", "NLL video", "Video@5"]
    wrong = 1 - float(b[2].split()[0]) / 100
    # Logits differ by 2, and two classes are never more than five.
    assert float(b[3].split()[0]) == pytest.approx(np.log1p(np.exp(-2)) + 2 * wrong, abs=2e-3)
    assert b[4].startswith("100.0 ")
    assert "Per cent, but for NLL video; mean over seeds" in text
    assert "NLL: negative log-likelihood of the label, in nats." in text
    assert "Overconfidence" not in text


def test_the_papers_figures_are_of_what_is_shown(finish_rows):
    out = finish_rows({"a": (0.5, 0.6), "b": (0.7, 0.9)})
    rows = (
        ROWS[0],
        Row("b", "ty_r18", paper={"probe_top1": 61.0, "video_nll": 1.5}, cell=("x", "y")),
    )
    shown = Table(
        "t",
        rows,
        "a",
        {"marionette": {"": "marionette"}},
        metrics=("video_ece", "video_nll", PROBE),
        headline="probe_top1",
    )
    lines = write(out, shown).splitlines()
    assert lines[4].endswith("| minutes | paper NLL video | paper linear probe@1 |")
    (b,) = [line for line in lines if line.startswith("| b |")]
    assert b.endswith("| 1.500 | 61.0 |")
    start = lines.index("| linear probe@1 | y |")
    assert "(paper 61.0)" in lines[start + 2]


def test_pairs_of_classes_are_of_the_built_in_videos_whatever_the_scale_is_called():
    scales = {"mine": {"": "marionette_small"}, "theirs": {"": "ucf101"}}
    both = dataclasses.replace(
        Table("t", ROWS, "a", scales),
        metrics=("video_top1", "video_direction"),
        headline="video_direction",
    )
    assert both.at("mine") == both
    assert [metric.name for metric in both.at("theirs").metrics] == ["video_top1"]
    assert both.at("theirs").headline == "video_top1"
    alone = dataclasses.replace(both, metrics=("video_motion", "video_direction"))
    with pytest.raises(InputError, match="metrics: all are of pairs of classes"):
        alone.at("theirs")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"metrics": ("vdeo_ece",)}, "metrics: no metric 'vdeo_ece'; did you mean 'video_ece'"),
        ({"metrics": ("video_top1", "video_top1")}, "'video_top1' stands there twice"),
        ({"metrics": ("clip_top1",)}, "headline: 'video_top1' is none of the table's metrics"),
        ({"headline": "video_top5"}, r"'video_top5' is none .*did you mean 'video_top1'"),
    ],
)
def test_a_table_of_metrics_that_it_has_not(fields, message):
    with pytest.raises(InputError, match=message):
        table(**fields).headline_metric()


def test_every_name_is_registered_once():
    assert all(metric.name == name for name, metric in METRICS.items())
    assert lookup(METRICS) == tuple(METRICS.values())


HEAD = "from vidkd_jax.tables import Row, Table\nROW = Row('a', 'ty_r18'{row})\n"
BODY = "TABLE = Table('t', (ROW,{rows}), 'a', {{'paper': {{'': 'ucf101'}}}}{table})\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"bad\.py': defines no TABLE"),
        ("TABLE = 3", r"bad\.py': defines no TABLE"),
        ("1 / 0", r"bad\.py': ZeroDivisionError: division by zero"),
        (HEAD.format(row=", teachers=()"), r"bad\.py': TypeError: .*'teachers'"),
        (HEAD.format(row="") + BODY.format(rows="ROW", table=""), "rows: two are called 'a'"),
        (
            HEAD.format(row=", against='b'") + BODY.format(rows="", table=""),
            "reference, against, noise: no row 'b'; valid: a",
        ),
        (
            HEAD.format(row=", against='b'")
            + BODY.format(rows=" Row('b', 'ty_r50', against='a')", table=""),
            "row 'a': against: a - b - a goes round in a circle",
        ),
        *(
            (
                HEAD.format(row="") + f"TABLE = Table('t', (ROW,), 'a', {scales})",
                r"bad\.py': scales: give each a column with a data set, such as {'': 'laptop'}",
            )
            for scales in ({}, {"mine": {}}, {"mine": {"": ""}})
        ),
        (
            HEAD.format(row="")
            + "TABLE = Table('t', (ROW,), 'a', {'mine': {'A': 'laptop', 'B': 'laptop'}})",
            r"bad\.py': scales: columns 'A' and 'B' are both of 'laptop' and would show the same",
        ),
        (
            HEAD.format(row=", paper={'Video_top1': 5.0}") + BODY.format(rows="", table=""),
            "row 'a': paper: no 'Video_top1'; did you mean 'video_top1'",
        ),
        (
            HEAD.format(row=", paper={'UCF': {'Video_top1': 5.0}}")
            + "TABLE = Table('t', (ROW,), 'a', {'mine': {'UCF': 'laptop'}})",
            "row 'a': paper: UCF: no metric 'Video_top1'; did you mean 'video_top1'",
        ),
        (
            HEAD.format(row="") + BODY.format(rows="", table=", metrics=('top1',)"),
            r"bad\.py': metrics: no metric 'top1'",
        ),
    ],
)
def test_a_wrong_file_is_one_line(text, message, tmp_path, monkeypatch):
    monkeypatch.setattr("vidkd_jax.tables.table.FOLDER", tmp_path)
    (tmp_path / "bad.py").write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        load_table("bad")
    assert "\n" not in str(caught.value)


def test_a_changed_table_has_a_name_of_its_own(tmp_path):
    """Both would be shown in one folder."""
    ours = FOLDER / "ty_table3.py"
    copied = tmp_path / "ty_table3.py"
    copied.write_bytes(ours.read_bytes())
    assert load_table(str(copied)) == load_table("ty_table3")
    copied.write_text(ours.read_text().replace("TABLE = ", "OTHER = 1\nTABLE = "))
    with pytest.raises(
        InputError, match=r"ty_table3\.py: a table of ours has the name of this file"
    ):
        load_table(str(copied))
    assert load_table(str(copied.rename(tmp_path / "my_table3.py"))) == load_table("ty_table3")


def test_validation_figures_of_two_kinds_are_not_compared(finish_rows):
    out = finish_rows({"a": ("clip_top1",) * 2, "b": ("clip_top5",) * 2}, name="selected_on")
    for path in out.rglob("metrics.jsonl"):
        path.write_text(path.read_text().replace("}", ', "clip_top5": 0.9}'))
    assert "| b | 2 |" in write(out, table())  # no metric follows the validation
    for metric in ("validation", "speed_up"):
        message = "rows 'b' and 'a': clip_top5 chooses the best epoch of one, clip_top1 of the"
        with pytest.raises(InputError, match=message):
            write(out, table(metrics=("video_top1", metric)))


def test_motion_and_direction_of_paired_classes():
    """Classes 0 and 1 are a pair, 2 and 3 are one."""
    probabilities = np.array([[0.1, 0.3, 0.35, 0.25], [0.3, 0.1, 0.4, 0.2], [0.4, 0.3, 0.1, 0.2]])
    labels = np.array([1, 2, 1])
    motion, direction = (
        METRICS[name].reader.terms(probabilities, labels, 15)
        for name in ("video_motion", "video_direction")
    )
    # The first pair sums to .4, .4 and .7: of the first video the second pair, .6, is answered.
    assert motion.tolist() == [0, 1, 1]
    assert direction.tolist() == [1, 1, 0]
    for name in ("video_motion", "video_direction"):
        with pytest.raises(InputError, match="of pairs of classes, here are 3"):
            METRICS[name].reader.terms(probabilities[:, :3], labels, 15)
