"""Rows whose videos are answered by chosen clips: who is asked, what is shown, which K is best."""

import csv
import dataclasses
import json
import shutil

import numpy as np
import pytest
from finished_runs import finish

from vidkd_jax.errors import InputError
from vidkd_jax.inference.scores import Scores
from vidkd_jax.inference.study import Study
from vidkd_jax.tables import Row, Selection, Table, load_table, pictures, selected
from vidkd_jax.tables import __main__ as tables
from vidkd_jax.tables.arms import arms, in_order, row_arm
from vidkd_jax.tables.columns import read_column
from vidkd_jax.tables.resolving import resolve
from vidkd_jax.tables.shown import Shown
from vidkd_jax.tables.table import available

OTHERS = {"marionette_untrimmed": "marionette_teachers"}  # the column's argument: the teacher's
TEACHER = Row("teacher", "supervised_r18", dataset=OTHERS, only_seed=3)
COUNTS = (5, 3, 8, 2, 6, 4)
THRESHOLDS = (0.3, 0.6, 0.9, 1.0)


def by_confidence(name, k, **options):
    selection = Selection("confidence", k, teacher=TEACHER, **options)
    return Row(name, "supervised_r34", selection=selection)


DENSE = dataclasses.replace(TEACHER, name="dense", selection=Selection("dense"))
ROWS = (
    DENSE,
    by_confidence("two clips", 2),
    by_confidence("best", (1, 2, 5)),
    by_confidence("divided", 3, student_k=1),
    dataclasses.replace(
        TEACHER, name="drawn", selection=Selection("random", 2, passes=4), against="two clips"
    ),
    dataclasses.replace(TEACHER, name="shuffled", selection=Selection("oracle", 1, shuffled=True)),
    by_confidence("until sure", 5, stop_at=0.6),
    by_confidence("until as sure as is best", 5, stop_at=THRESHOLDS),
)
TABLE = Table(
    "t",
    ROWS,
    "dense",
    {"marionette": {"": "marionette_untrimmed"}},
    metrics=("video_top1", "video_nll", "clips", "clip_share", "stop_at", "network_ms"),
)


def scores_of(seed, split):
    rng = np.random.default_rng((seed, split == "val"))
    n, v = sum(COUNTS), len(COUNTS)
    return Scores(
        teacher=2 * rng.standard_normal((n, 14)).astype(np.float32),
        labels=np.arange(v),
        videos=np.repeat(np.arange(v), COUNTS),
        names=np.array([f"v{i}" for i in range(v)]),
        groups=np.array([f"g{i % 3}" for i in range(v)]),
        spans=np.zeros((n, 2), int),
        average="softmax",
        sampler=2 * rng.standard_normal((n, 14)).astype(np.float32),
        confidence=rng.standard_normal(n).astype(np.float32),
    )


class Calls(list):
    def __init__(self):
        super().__init__()
        self.settings = []


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Finished runs of ROWS, and the (teacher, sampler, split) that are asked of them."""
    for number, arm in enumerate(
        in_order(a for row in ROWS for a in arms(row, "marionette_untrimmed", 2, tmp_path))
    ):
        finish(arm, 0.5, number)
    calls = Calls()

    def score(teacher, sampler, *, settings, split, keep):
        assert settings.data.name == "marionette_untrimmed" and keep.name == "scores"
        calls.settings.append(settings)
        run = teacher.relative_to(keep.parent / "runs")
        calls.append((run, sampler and sampler.name, split))
        seed = 9 if sampler is None else int(sampler.name.removeprefix("seed"))
        return scores_of(seed, split)

    def seconds(teacher, sampler, *, settings):
        return 0.010, 0.0 if sampler is None else 0.001

    monkeypatch.setattr(selected, "score", score)
    monkeypatch.setattr(selected, "seconds_per_clip", seconds)
    selected._of.cache_clear()
    selected._seconds.cache_clear()
    return calls


def written(tmp_path):
    """Returns the text of TABLE, and its figures of the seeds by row and metric."""
    text = tables.write_table(TABLE, TABLE.scales["marionette"], [tmp_path], tmp_path / "t", 2)
    with (tmp_path / "t/seeds.csv").open() as file:
        found = {}
        for line in csv.DictReader(file):
            found.setdefault((line["row"], line["metric"]), []).append(float(line["figure"]))
    return text, found


def test_chosen_clips_answer(asked, tmp_path):
    text, found = written(tmp_path)
    assert {str(teacher) for teacher, _, _ in asked} == {"marionette_teachers/supervised_r18/seed3"}
    assert {(s, split) for _, s, split in asked} == {
        (None, "test"), ("seed0", "test"), ("seed1", "test"), ("seed0", "val"), ("seed1", "val"),
    }  # fmt: skip
    studies = [Study(scores_of(seed, "test")) for seed in (0, 1)]
    alone = Study(scores_of(9, "test"))
    wanted = [s.selected("confidence", (2,)) for s in studies]
    assert found["two clips", "video_top1"] == [o.top1.item() for o in wanted]
    labels = np.arange(len(COUNTS))
    assert found["two clips", "video_nll"] == pytest.approx(
        [-np.log(o.probabilities[0, 0, labels, labels]).mean() for o in wanted]
    )
    assert found["two clips", "clips"] == [2.0, 2.0]
    assert found["two clips", "clip_share"] == pytest.approx([12 / 28] * 2)
    assert found["dense", "video_top1"] == [alone.selected("dense", (1,)).top1.item()]
    assert found["dense", "clip_share"] == [1.0]
    clips = np.mean(COUNTS)
    assert found["dense", "network_ms"] == pytest.approx([10 * clips])
    assert found["two clips", "network_ms"] == pytest.approx([20 + clips] * 2)
    drawn = alone.selected("random", (2,), passes=4)
    assert found["drawn", "video_top1"] == pytest.approx([drawn.top1.mean()])
    assert found["divided", "video_top1"] == [
        s.divided("confidence", 3, (1,)).top1.item() for s in studies
    ]
    assert found["divided", "clips"] == [2.0, 2.0]
    best = []
    for seed, study in enumerate(studies):
        tops = Study(scores_of(seed, "val")).selected("confidence", (1, 2, 5)).top1[0].tolist()
        best.append(study.selected("confidence", ((1, 2, 5)[tops.index(max(tops))],)).top1.item())
    assert found["best", "video_top1"] == best
    null = Study(scores_of(9, "test").shuffled(0)).selected("oracle", (1,))
    assert found["shuffled", "video_top1"] == [null.top1.item()]
    assert "| two clips | 2 |" in text and "| dense | 1 |" in text


def test_one_teacher_answers_all_rows_and_a_student_alone_does_not(asked, tmp_path):
    alone = dataclasses.replace(ROWS[1], name="alone", selection=Selection("dense"))
    table = dataclasses.replace(TABLE, rows=(*ROWS, alone))
    found = read_column(table, "", "marionette_untrimmed", [tmp_path], 2)
    assert found.same_networks == {row.name for row in ROWS}
    difference = found.figures["two clips"]["video_nll"][1]
    assert len(difference.per_seed) == 2


def test_every_row_answers_as_all_runs_were_told(asked, tmp_path):
    """Also the rows without a sampler, whose settings are those of the column."""
    for path in tmp_path.rglob("config.json"):
        config = json.loads(path.read_text())
        config["eval"] |= {"max_clips": 10}
        config["optim"]["multipliers"] = [["classifier", 0.5]]  # pairs, of which JSON makes lists
        config["data"] |= {"short_side": 64, "root": "elsewhere"}
        path.write_text(json.dumps(config))
    written(tmp_path)
    assert {sampler for _, sampler, _ in asked} == {None, "seed0", "seed1"}
    told = {(s.eval.max_clips, s.data.short_side, s.data.root) for s in asked.settings}
    assert told == {(10, 64, "elsewhere")}


def test_a_run_without_its_config_is_one_line(asked, tmp_path):
    (path,) = tmp_path.glob("runs/marionette_teachers/*/seed3/config.json")
    path.unlink()
    with pytest.raises(InputError, match=r"seed3' has no config\.json, so it is not known"):
        written(tmp_path)


def test_seeds_are_those_of_the_runs(asked, tmp_path):
    written(tmp_path)
    with (tmp_path / "t/seeds.csv").open() as file:
        seeds = {(line["row"], line["seed"]) for line in csv.DictReader(file)}
    assert {seed for row, seed in seeds if row == "dense"} == {"3"}  # its only seed
    assert {seed for row, seed in seeds if row == "two clips"} == {"0", "1"}


def test_machines_with_copies_of_the_teacher_make_the_table_of_one(asked, tmp_path):
    written(tmp_path)
    files = [tmp_path / "t" / f"{name}.csv" for name in ("table", "seeds")]
    wanted = [file.read_text() for file in files]
    other = tmp_path / "other"
    for row in ROWS:
        *_, last = arms(row, "marionette_untrimmed", 2, tmp_path)
        for arm in (last, *last.answering()):
            there = dataclasses.replace(arm, out=other).folder
            if arm.folder.exists() and not there.exists():
                shutil.copytree(arm.folder, there)
        if row.only_seed is None:
            shutil.rmtree(last.folder, ignore_errors=True)
    columns, outs = TABLE.scales["marionette"], [tmp_path, other]
    text = tables.write_table(TABLE, columns, outs, tmp_path / "t", 2)
    assert [file.read_text() for file in files] == wanted
    said = f"The runs are of several folders: seed 0 of '{tmp_path}'; seed 1 of '{other}'.\n\n"
    assert said in text
    teacher = row_arm(TEACHER, "marionette_untrimmed", 0, other).folder
    summary = json.loads((teacher / "summary.json").read_text())
    (teacher / "summary.json").write_text(json.dumps({**summary, "weights": "others"}))
    with pytest.raises(InputError, match="are two runs of row 'dense', of which all seeds share"):
        tables.write_table(TABLE, columns, outs, tmp_path / "t", 2)


def test_a_row_with_other_clips_keeps_the_rest_of_its_choice():
    row = by_confidence("until sure", 5, stop_at=0.6).choosing(3, name="three", student_k=0)
    assert (row.name, row.selection.k, row.selection.stop_at) == ("three", 3, 0.6)
    assert row.choosing(3, stop_at=None).selection.stop_at is None


def test_the_teacher_answers_until_it_is_sure(asked, tmp_path):
    text, found = written(tmp_path)
    studies = [Study(scores_of(seed, "test")) for seed in (0, 1)]
    wanted = [study.stopped("confidence", 5, (0.6,)) for study in studies]
    assert found["until sure", "video_top1"] == [o.top1.item() for o in wanted]
    assert found["until sure", "clips"] == [o.clips.item() for o in wanted]
    assert found["until sure", "stop_at"] == [0.6, 0.6]
    assert np.isnan(found["two clips", "stop_at"]).all() and "nan" not in text
    for seed, study in enumerate(studies):
        tried = Study(scores_of(seed, "val")).stopped("confidence", 5, THRESHOLDS)
        best = [*zip(tried.top1[0], -tried.clips[0], THRESHOLDS, strict=True)]
        *_, threshold = max(best, key=lambda each: each[:2])
        assert found["until as sure as is best", "stop_at"][seed] == threshold
        assert found["until as sure as is best", "clips"][seed] == (
            study.stopped("confidence", 5, (threshold,)).clips.item()
        )
    shown = Shown(TABLE, "marionette_untrimmed", [tmp_path], 2)
    for name, k, stop_at in (("two clips", 2, None), ("until sure", 5, 0.6)):
        (row,) = (row for row in ROWS if row.name == name)
        (arm,) = arms(row, "marionette_untrimmed", 1, tmp_path)
        scores, chosen = selected.chosen_clips(arm, shown)
        study = Study(scores)
        counts = (
            np.minimum(k, COUNTS)
            if stop_at is None
            else (study.stopped("confidence", k, (stop_at,)).seen[0, 0])
        )
        assert np.bincount(scores.videos, chosen[0]).tolist() == counts.tolist()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"stop_at": 0.9, "student_k": 1}, "stop_at: the sampler answers no clips"),
        ({"k": 0}, "k=0: give numbers of clips from 1 up"),
        ({"k": ()}, "give numbers of clips from 1 up"),
        ({"student_k": 4}, "student_k=4: give 0 to k=3"),
        ({"student_k": 1, "passes": 10}, "passes=10: give 1 or more, and 1 with student_k"),
        ({"passes": 0}, "passes=0: give 1 or more"),
        ({"stop_at": ()}, r"stop_at=\(\): give probabilities, or None"),
        ({"stop_at": (0.9, 0.0)}, "stop_at=0: give a probability above 0"),
    ],
)
def test_selections_that_cannot_be(fields, message):
    with pytest.raises(InputError, match=message):
        Selection("confidence", **{"k": 3, **fields})


def test_a_metric_of_clips_is_not_known_of_chosen_ones(asked, tmp_path):
    table = dataclasses.replace(TABLE, metrics=("video_top1", "clip_top1"))
    with pytest.raises(InputError, match=r"'clip_top1' is not known of videos .* chosen clips"):
        tables.write_table(table, table.scales["marionette"], [tmp_path], tmp_path / "t", 2)


def test_a_calibration_error_of_several_passes_is_no_mean(asked, tmp_path):
    table = dataclasses.replace(TABLE, metrics=("video_top1", "video_ece"))
    with pytest.raises(InputError, match="'video_ece' is not the mean of 4 passes"):
        tables.write_table(table, table.scales["marionette"], [tmp_path], tmp_path / "t", 2)


def test_the_picture_has_every_k(asked, tmp_path):
    rows = [
        dataclasses.replace(row, selection=dataclasses.replace(row.selection, k=(1, 2, 5)))
        for row in ROWS
        if row.name in ("best", "drawn")
    ]
    table = dataclasses.replace(TABLE, rows=(DENSE, *rows))
    shown = Shown(table, "marionette_untrimmed", [tmp_path], 2)
    (axes,) = pictures.accuracy_by_clips(shown).axes
    lines = {line.get_label(): line for line in axes.lines}
    assert [*lines] == ["dense", "best", "drawn"]
    studies = [Study(scores_of(seed, "test")) for seed in (0, 1)]
    tops = [study.selected("confidence", (1, 2, 5)).top1[0] for study in studies]
    np.testing.assert_allclose(lines["best"].get_ydata(), np.mean(tops, axis=0))
    np.testing.assert_array_equal(lines["best"].get_xdata(), (1, 2, 5))
    assert len({*lines["dense"].get_ydata()}) == 1


def test_rows_that_choose_among_other_clips_are_refused(asked, tmp_path):
    for path in tmp_path.glob("runs/marionette_teachers/**/config.json"):
        config = json.loads(path.read_text())
        config["eval"] |= {"max_clips": 10}
        path.write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"rows '.*' and '.*': eval\.max_clips=\d+ and \d+, so"):
        selected.check_clips(
            [arm for row in ROWS for arm in arms(row, "marionette_untrimmed", 2, tmp_path)],
            Shown(TABLE, "marionette_untrimmed", [tmp_path], 2),
        )


@pytest.mark.parametrize("name", [name for name in available() if name.startswith("condi_")])
def test_the_rows_of_our_tables_choose_among_the_same_clips(name):
    table = load_table(name)
    for datasets in table.scales.values():
        for dataset in datasets.values():
            runs = [row_arm(row, dataset, 0) for row in table.rows if row.selection]
            # Without a sampler the settings are those of the row's config in the column.
            limits = {
                resolve(
                    run if run.answering() else dataclasses.replace(run, dataset=dataset)
                ).eval.max_clips
                for run in runs
            }
            assert limits <= {0}
