"""The pictures of DTG-Net, from files as finished runs leave them."""

import dataclasses
import json

import numpy as np
import pytest

from vidkd_jax.errors import InputError
from vidkd_jax.tables import Row, Table
from vidkd_jax.tables.arms import row_arm
from vidkd_jax.tables.pictures import PICTURES
from vidkd_jax.tables.shown import Shown

ONE, OTHER = Row("one", "t", only_seed=0), Row("other", "t", only_seed=1)
BOTH = Row("both", "s", {"teachers.runs": (ONE, OTHER)})
ALONE = Row("alone", "s", {"teachers.runs": (ONE,)})


@pytest.fixture
def shown(tmp_path):
    """Runs of two seeds whose first teacher gains weight by epoch, with features of 30 videos."""
    rng = np.random.default_rng(0)
    for row in (BOTH, ALONE):
        for seed in (0, 1):
            folder = row_arm(row, "d", seed, tmp_path).folder
            folder.mkdir(parents=True)
            records = [
                {"step": e, "epoch": e, "split": "train", "weight0": w, "weight1": 1 - w}
                for e, w in enumerate((0.5 + 0.1 * seed, 0.7, 0.8), 1)
            ]
            (folder / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
            (folder / "summary.json").write_text("{}")
            names = [f"class {label}" for label in range(12)]
            (folder / "config.json").write_text(json.dumps({"network": {"class_names": names}}))
            labels = np.arange(30) % 12
            features = rng.normal(size=(30, 4)) + 9 * labels[:, None]
            np.savez(folder / "features.npz", features=features, labels=labels)
    table = Table("t", (BOTH, ALONE), "both", {"marionette": {"": "d"}})
    return Shown(table, "d", [tmp_path], 2)


def test_weights_of_the_teachers_by_epoch(shown):
    (axes,) = PICTURES["guidance_weights"].draw(shown).axes
    lines = {line.get_label(): line.get_ydata() for line in axes.get_lines()}
    np.testing.assert_allclose(lines["one"], [0.55, 0.7, 0.8])  # the mean over seeds
    np.testing.assert_allclose(lines["other"], [0.45, 0.3, 0.2])
    assert set(lines) == {"one", "other"}  # a single teacher has no weight to show


def test_a_teacher_by_its_path_keeps_its_place_among_the_others(shown, monkeypatch):
    mixed = dataclasses.replace(BOTH, overrides={"teachers.runs": ("runs/mine", OTHER)})
    monkeypatch.setattr(
        Shown, "runs", lambda _: {"both": [row_arm(BOTH, "d", 0, shown.outs[0]).folder]}
    )
    table = Table("t", (mixed,), "both", {"marionette": {"": "d"}})
    (axes,) = PICTURES["guidance_weights"].draw(Shown(table, "d", shown.outs, 1)).axes
    lines = {line.get_label(): line.get_ydata() for line in axes.get_lines()}
    np.testing.assert_allclose(lines["runs/mine"], [0.5, 0.7, 0.8])
    np.testing.assert_allclose(lines["other"], [0.5, 0.3, 0.2])


def test_weights_of_runs_of_which_one_stopped_earlier(shown):
    path = row_arm(BOTH, "d", 1, shown.outs[0]).folder / "metrics.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    (axes,) = PICTURES["guidance_weights"].draw(shown).axes
    lines = {line.get_label(): line.get_ydata() for line in axes.get_lines()}
    np.testing.assert_allclose(lines["one"], [0.55, 0.7, 0.75])  # the other keeps its last


def test_without_several_teachers_there_are_no_weights(shown):
    table = Table("t", (ALONE,), "alone", {"marionette": {"": "d"}})
    with pytest.raises(InputError, match="no row has several teachers"):
        PICTURES["guidance_weights"].draw(Shown(table, "d", shown.outs, 2))


def test_features_of_ten_classes_of_every_row(shown):
    figure = PICTURES["features_by_class"].draw(shown)
    assert [axes.get_title() for axes in figure.axes] == ["both", "alone"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [f"class {n}" for n in range(10)]
    for axes in figure.axes:
        assert len(axes.collections) == 10  # of twelve classes
        places = np.concatenate([part.get_offsets() for part in axes.collections])
        assert places.shape == (26, 2) and np.isfinite(places).all()


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 nothing"])
def test_features_that_are_gone_or_damaged_are_named(damage, shown):
    path = row_arm(BOTH, "d", 0, shown.outs[0]).folder / "features.npz"
    path.unlink()
    if damage:
        path.write_bytes(damage)
    with pytest.raises(InputError, match=r"seed0' left cannot be read .*delete the folder"):
        PICTURES["features_by_class"].draw(shown)


def test_captions_are_for_readers_of_the_page():
    for picture in PICTURES.values():
        assert picture.caption.endswith(".") and "InputError" not in picture.caption
