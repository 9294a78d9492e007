"""The content of the pictures of tables, from finished runs on real records."""

import dataclasses
import json
import types

import numpy as np
import pytest
from matplotlib.ticker import PercentFormatter

from vidkd_jax.data import RecordSet, open_records
from vidkd_jax.errors import InputError
from vidkd_jax.report import figures
from vidkd_jax.tables import Row, Table
from vidkd_jax.tables.arms import row_arm
from vidkd_jax.tables.page import write_page
from vidkd_jax.tables.pictures import PICTURES, Shown

TABLE = Table("t", (Row("A", "a"), Row("B", "b")), "A", {"marionette": {"": "d"}})


@pytest.fixture
def make_runs(square_records, tmp_path):
    """Makes runs A and B on the test videos of squares with these probabilities of the label."""
    where = {"name": "ucf101", "split": 1, "short_side": 36}
    test = open_records(RecordSet(square_records, **where))("test")
    labels = np.array([video.label for video in test.videos])

    def make(seed=0, epochs=(2, 2), first=1, **rights):
        for (name, right), length in zip(rights.items(), epochs, strict=False):
            folder = row_arm(Row(name, name.lower()), "d", seed, tmp_path).folder
            folder.mkdir(parents=True)
            probabilities = np.full((len(labels), 2), 0.0)
            probabilities[np.arange(len(labels)), labels] = right
            probabilities[np.arange(len(labels)), 1 - labels] = 1 - np.array(right)
            np.savez(
                folder / "predictions.npz",
                logits=np.log(probabilities),
                labels=labels,
                videos=[video.id for video in test.videos],
                groups=[video.group for video in test.videos],
            )
            config = {
                "eval": {"average": "softmax", "calibration_bins": 15},
                "data": {**where, "root": "moved away", "crop": 32},
                "method": {"name": "supervised"},
                "train": {"fork_from": "trunk" * (first > 1), "fork_epoch": first - 1},
            }
            (folder / "config.json").write_text(json.dumps(config))
            (folder / "summary.json").write_text("{}")
            (folder / "evaluation.json").write_text(json.dumps({"class_names": ["Left", "Right"]}))
            records = [
                {"epoch": first + e, "split": split, "clip_top1": 0.1 * e, "clip_nll": 3.0 - e}
                for e in range(length)
                for split in ("val", "test")
            ]
            (folder / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
        return Shown(TABLE, "d", [tmp_path], 2, str(square_records))

    make.names = sorted(video.id for video in test.videos)
    return make


def test_mistakes_of_all_rows_the_surest_first(make_runs):
    """Video 0 is wrong only in A. Videos 1 and 2 are wrong in both, 2 with higher confidence."""
    shown = make_runs(A=[0.01, 0.4, 0.3, 0.9], B=[0.9, 0.45, 0.1, 0.9])
    figure = PICTURES["misclassified"].draw(shown)
    titles = [axes.get_title() for axes in figure.axes]
    names = make_runs.names
    assert [title.partition("\n")[2] for title in titles[:2]] == [names[2], names[1]]
    # On the videos that both get wrong, the confidence is 0.6 and 0.7 in A, 0.55 and 0.9 in B.
    assert titles[2:4] == ["A (65% sure of such mistakes)"] * 2
    assert titles[4:] == ["B (72% sure of such mistakes)"] * 2


def test_how_sure_of_mistakes_is_over_seeds(make_runs):
    make_runs(A=[0.1, 0.9, 0.9, 0.9], B=[0.2, 0.1, 0.9, 0.9])
    shown = make_runs(seed=1, A=[0.9, 0.9, 0.3, 0.9], B=[0.9, 0.9, 0.4, 0.1])
    titles = [axes.get_title() for axes in PICTURES["misclassified"].draw(shown).axes]
    assert titles[1:] == ["A (80% sure of such mistakes)", "B (70% sure of such mistakes)"]


def test_frames_are_of_the_records_that_the_runs_saw(make_runs, tmp_path):
    shown = make_runs(A=[0.1] * 4, B=[0.2] * 4)
    for path in tmp_path.rglob("config.json"):
        config = json.loads(path.read_text())
        path.write_text(json.dumps({**config, "network": {"records": "others"}}))
    with pytest.raises(InputError, match=r"are others than the runs saw.*--config\.data\.root"):
        PICTURES["misclassified"].draw(shown)


def test_frames_of_videos_that_are_gone_are_one_line(make_runs, tmp_path):
    """Of a run that saw flow it is not known whether these are its videos' RGB records."""
    shown = make_runs(A=[0.1] * 4, B=[0.2] * 4)
    for path in tmp_path.rglob("predictions.npz"):
        with np.load(path) as saved:
            arrays = dict(saved)
        np.savez(path, **{**arrays, "videos": [f"{name}_before" for name in arrays["videos"]]})
    for path in tmp_path.rglob("config.json"):
        config = json.loads(path.read_text())
        config["data"]["modality"] = "flow"
        path.write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"are others than the runs saw.*--config\.data\.root"):
        PICTURES["misclassified"].draw(shown)


def test_a_row_of_a_single_run_has_its_mistakes_beside_every_seed_s(make_runs):
    make_runs(A=[0.1, 0.9, 0.9, 0.9])
    make_runs(seed=1, A=[0.9, 0.3, 0.9, 0.9])
    shown = make_runs(seed=100, B=[0.2, 0.4, 0.9, 0.9])
    first, second = shown.table.rows
    rows = (first, dataclasses.replace(second, only_seed=100))
    for ordered in (rows, rows[::-1]):
        table = dataclasses.replace(shown.table, rows=ordered)
        figure = PICTURES["misclassified"].draw(dataclasses.replace(shown, table=table))
        titles = {axes.get_title() for axes in figure.axes}
        # Both get video 0 of the one seed wrong, and video 1 of the other.
        assert {"A (80% sure of such mistakes)", "B (70% sure of such mistakes)"} < titles
    table = dataclasses.replace(shown.table, rows=rows[1:])
    figure = PICTURES["misclassified"].draw(dataclasses.replace(shown, table=table))
    assert "B (70% sure of such mistakes)" in {axes.get_title() for axes in figure.axes}


def test_no_mistake_that_all_make(make_runs):
    shown = make_runs(A=[0.1, 0.9, 0.9, 0.9], B=[0.9, 0.1, 0.9, 0.9])
    with pytest.raises(InputError, match="no video of d is wrong in all rows"):
        PICTURES["misclassified"].draw(shown)


def test_mistakes_are_shown_where_the_table_s_reference_is_not(make_runs):
    """It is not finished yet, and the rows that are have been compared with one of themselves."""
    shown = make_runs(A=[0.1] * 4, B=[0.2] * 4)
    table = dataclasses.replace(shown.table, reference="not finished")
    figure = PICTURES["misclassified"].draw(dataclasses.replace(shown, table=table))
    assert len(figure.axes) == 4 + 2 * 4


def test_rows_without_a_selection_have_no_picture_by_clips(make_runs):
    with pytest.raises(InputError, match="accuracy_by_clips: no row has a selection"):
        PICTURES["accuracy_by_clips"].draw(make_runs(A=[0.1] * 4, B=[0.2] * 4))


def test_a_table_is_written_although_a_picture_has_nothing_to_draw(make_runs, tmp_path, capsys):
    shown = make_runs(A=[0.1, 0.9, 0.9, 0.9], B=[0.9, 0.1, 0.9, 0.9])
    table = dataclasses.replace(TABLE, pictures=("misclassified",), shows_table=False)
    column = types.SimpleNamespace(
        heading="d", name="", dataset="d", table=table, has_rows=lambda: True
    )
    page = write_page(tmp_path, table, [column], [tmp_path], 2, shown.data_root)
    assert "Not drawn: figure of mistakes: no video of d is wrong" in page.read_text()
    assert "picture 'misclassified' is not drawn" in capsys.readouterr().err


def test_a_single_epoch_is_a_point(make_runs):
    shown = make_runs(epochs=(1, 2), A=[0.1] * 4, B=[0.2] * 4)
    (axes,) = PICTURES["accuracy_by_epoch"].draw(shown).axes
    assert [line.get_marker() for line in axes.get_lines()] == ["o", "o"]


def test_a_run_that_stopped_early_keeps_its_last_accuracy(make_runs):
    make_runs(A=[0.9] * 4, B=[0.9] * 4)
    shown = make_runs(seed=1, epochs=(5, 2), A=[0.9] * 4, B=[0.9] * 4)
    figure = PICTURES["accuracy_by_epoch"].draw(shown)
    longer, shorter = (line.get_ydata() for line in figure.axes[0].get_lines())
    np.testing.assert_allclose(
        longer, np.mean([[0, 0.1, 0.1, 0.1, 0.1], np.arange(5) / 10], axis=0)
    )
    assert len(shorter) == 2


def test_no_two_of_many_curves_look_alike():
    curves = {f"row {number}": np.full((1, 3), number / 30) for number in range(25)}
    (axes,) = figures.curves_with_range(curves, "accuracy").axes
    looks = {(line.get_color(), line.get_linestyle()) for line in axes.get_lines()}
    assert len(looks) == 25


def test_rows_that_are_compared_with_several_others_have_panels(make_runs):
    shown = make_runs(A=[0.9] * 4, B=[0.9] * 4)
    rows = tuple(dataclasses.replace(row, against=row.name) for row in shown.table.rows)
    shown = dataclasses.replace(shown, table=dataclasses.replace(shown.table, rows=rows))
    panels = PICTURES["accuracy_by_epoch"].draw(shown).axes
    names = [[text.get_text() for text in axes.get_legend().get_texts()] for axes in panels]
    assert names == [["A"], ["B"]]


def test_a_fork_is_drawn_from_its_own_first_epoch(make_runs):
    shown = make_runs(first=11, A=[0.9] * 4, B=[0.9] * 4)
    (axes,) = PICTURES["accuracy_by_epoch"].draw(shown).axes
    line = axes.get_lines()[0]
    drawn = dict(zip(line.get_xdata().tolist(), line.get_ydata().tolist(), strict=True))
    assert {epoch: value for epoch, value in drawn.items() if value == value} == {11: 0.0, 12: 0.1}


def test_the_table_says_which_validation_metric_its_curve_shows(make_runs):
    shown = make_runs(A=[0.9] * 4, B=[0.9] * 4)
    (plain,) = PICTURES["accuracy_by_epoch"].draw(shown).axes
    assert plain.get_ylabel() == "top-1 accuracy of validation clips"
    shown = dataclasses.replace(shown, table=dataclasses.replace(TABLE, curve="clip_nll"))
    (axes,) = PICTURES["accuracy_by_epoch"].draw(shown).axes
    assert axes.get_ylabel() == "NLL clip on validation"
    np.testing.assert_allclose(axes.get_lines()[0].get_ydata(), [3.0, 2.0])
    percent = (plain.yaxis.get_major_formatter(), axes.yaxis.get_major_formatter())
    assert [isinstance(formatter, PercentFormatter) for formatter in percent] == [True, False]


def test_a_curve_that_runs_did_not_measure_is_one_line(make_runs):
    shown = make_runs(A=[0.9] * 4, B=[0.9] * 4)
    shown = dataclasses.replace(shown, table=dataclasses.replace(TABLE, curve="clip_top"))
    message = r"/a/seed0': metrics\.jsonl has no validation metric 'clip_top',.*mean 'clip_top1'"
    with pytest.raises(InputError, match=message):
        PICTURES["accuracy_by_epoch"].draw(shown)


def test_reliability_is_of_clips_with_the_runs_bins(make_runs):
    figure = PICTURES["reliability"].draw(make_runs(A=[0.99, 0.99, 0.01, 0.6], B=[0.7] * 4))
    _, a, b = figure.axes[0].get_lines()
    np.testing.assert_allclose(a.get_xdata(), [0.6, 0.99], rtol=1e-6)
    np.testing.assert_allclose(a.get_ydata(), [1, 2 / 3], rtol=1e-6)
    np.testing.assert_allclose(b.get_ydata(), [1])
