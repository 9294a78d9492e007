"""The page of the report: files, pictures, escaping, and missing parts."""

import html.parser
import json
import re
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest

from vidkd_jax.evaluation.metrics import per_class_accuracy, reliability_bins
from vidkd_jax.report import closing_lines, figures, page, write_report
from vidkd_jax.report.cautions import cautions
from vidkd_jax.report.curves import by_epoch, promotions

NAMES = ["Sit<b>Down</b>", "Stand & Up", "Costs $5 or $6", 'Say "it\'s"', "A" * 80]
PICTURES = {
    "loss",
    "accuracy",
    "agreement",
    "learning_rate",
    "speed",
    "clip_reliability",
    "video_reliability",
    "confusion",
    "mistakes",
}


def make_run(num_epochs=4):
    """Returns the arguments of `write_report` for a run."""
    history = []
    for epoch in range(1, num_epochs + 1):
        train = {"loss": 2 / epoch, "loss/cross_entropy": 1.9 / epoch, "loss/kl": 0.1, "top1": 0.3}
        train |= {"learning_rate": 0.01}
        history += [
            {"step": 10 * epoch - 4, "epoch": epoch, "split": "train", **train},
            {"step": 10 * epoch, "epoch": epoch, "split": "train", **train}
            | {"clips_per_second": 100.0, "data_wait_fraction": 0.02},
            {"step": 10 * epoch, "epoch": epoch, "split": "val", "clip_top1": 0.1 * epoch}
            | {"clip_nll": 1.5, "promoted": epoch % 2 == 1}
            | {"teacher_agreement": 0.5, "teacher_kl": 0.7},
        ]
    probabilities = np.random.default_rng(0).dirichlet(np.ones(5), 40)
    labels = np.arange(40) % 4  # the last class has no video
    confusion = np.zeros((5, 5), int)
    np.add.at(confusion, (labels, probabilities.argmax(axis=1)), 1)
    bins = reliability_bins(probabilities, labels).as_dict()
    evaluation = {
        "class_names": NAMES,
        "confusion": confusion.tolist(),
        "per_class": per_class_accuracy(confusion).tolist(),
        "clip_reliability": bins,
        "video_reliability": bins,
        "mistakes": [
            {"video": "v_<i>_g01", "label": NAMES[0], "predicted": NAMES[1], "confidence": 0.25},
            {"video": "v_sure", "label": NAMES[1], "predicted": NAMES[2], "confidence": 0.975},
        ],
    }
    summary = {
        "video_top1": 0.625,
        "video_ece": 0.0512,
        "num_classes": 5,
        "train_seconds": 3725.0,
        "peak_memory_bytes": 3 * 2**29,
        "num_params": 33310437,
        "model_selection": "groups",
        "videos": {"train": 1000, "test": 40},
        "environment": {"python": "3.11.2"},
    }
    config = {"name": "ty<script>", "seed": 3, "data": {"name": "a & b", "root": "</pre>"}}
    strips = [np.full((3, 24, 32, 3), 40 * number, np.uint8) for number in range(2)]
    parts = {"config": config, "summary": summary, "history": history, "evaluation": evaluation}
    return parts | {"strips": strips}


class Elements(html.parser.HTMLParser):
    """Collects the tags of a page, and checks that they are closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = write_report(tmp_path_factory.mktemp("run"), **make_run())
    return path, path.read_text("utf-8")


def parse(page):
    elements = Elements()
    elements.feed(page)
    assert elements.open == []
    return elements.seen


def test_page_and_pictures_are_written_and_are_images(report):
    path, page = report
    assert path.parts[-2:] == ("report", "index.html")
    sources = [attributes["src"] for tag, attributes in parse(page) if tag == "img"]
    assert {source.removesuffix(".png") for source in sources} == PICTURES
    assert {file.name for file in path.parent.iterdir()} == {*sources, "index.html"}
    for source in sources:
        picture = cv2.imread(str(path.parent / source))
        assert min(picture.shape[:2]) > 300
        assert len(np.unique(picture)) > 20


def test_page_needs_no_network_and_no_script(report):
    path, page = report
    assert "http" not in page
    assert not {"script", "link", "iframe"} & {tag for tag, _ in parse(page)}
    assert all(b"http" not in file.read_bytes() for file in path.parent.glob("*.png"))


def test_headline_numbers_are_shown_in_readable_units(report):
    _, page = report
    for text in ("62.5 %", "chance 20.0 %", "0.051", "1 h 02 min", "1.50 GiB", "33,310,437"):
        assert text in page


def test_names_are_escaped(report):
    _, page = report
    assert "<b>Down" not in page
    assert "Sit&lt;b&gt;Down&lt;/b&gt;" in page
    assert "Stand &amp; Up" in page
    assert "v_&lt;i&gt;_g01" in page
    assert "<h1>ty&lt;script&gt;</h1>" in page
    assert page.count("</pre>") == 2  # of config and environment; the data root is escaped


def test_classes_are_sorted_by_accuracy_and_mistakes_by_confidence(report):
    _, page = report
    classes = page[page.index("<h2>Classes") : page.index("<h2>Most confident")]
    shares = [float(share) for share in re.findall(r"</span>([\d.]+) %", classes)]
    assert len(shares) == 4
    assert shares == sorted(shares, reverse=True)
    assert classes.index("no test video") > classes.rindex(" %")
    assert page.index("v_sure") < page.index("v_&lt;i&gt;")


def test_config_is_shown_whole(report):
    _, page = report
    shown = re.search(r"Configuration</summary><pre>(.*?)</pre>", page, re.DOTALL).group(1)
    assert json.loads(html.unescape(shown)) == make_run()["config"]


def test_the_first_row_says_which_classes_work_and_what_is_confused(tmp_path):
    run = make_run()
    run["evaluation"]["class_names"] = ["wave", "<clap>", "throw", "catch", "unseen"]
    run["evaluation"]["confusion"] = [
        [4, 0, 0, 0, 0],
        [1, 3, 0, 0, 0],
        [0, 0, 1, 7, 0],
        [0, 1, 1, 8, 0],
        [0, 0, 0, 0, 0],
    ]
    run["summary"] |= {"mean_class_accuracy": 0.5, "commonest_class": 0.4}
    run["summary"] |= {"video_nll": 1.5, "data_wait_fraction": 0.1}
    page = write_report(tmp_path, **run).read_text("utf-8")
    first = page[: page.index("<section>")]
    for text in (
        "<b>62.5 %</b><span>of test videos correct; chance 20.0 %, always the commonest class 40.0",
        "Mean over classes</span><b>50.0 %</b>",
        "Best class</span><b>wave</b><span>4 of its 4 test videos correct",
        "Worst class</span><b>throw</b><span>1 of its 8 test videos correct",
        "Most often confused</span><b>throw taken for catch</b><span>7 of 8 test videos",
    ):
        assert text in first
    assert "NLL" not in first and "Data wait" not in first
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert titles[:3] == ["Classes", "Confusion", "Most confident mistakes"]
    assert page.index("Calibration</h2>") < page.index("NLL") < page.index("Training</h2>")
    assert page.index("Training</h2>") < page.index("Data wait")


@pytest.mark.parametrize("names", [["$a_$", "b"], ["_flow", "_scene"]])
def test_a_name_is_no_formula_and_always_in_the_legend(names, tmp_path):
    train = {f"weight{n}": ([1, 2], [0.5, 0.5]) for n in range(2)}
    figure = figures.weight_curves(train, names)
    page.save_picture(tmp_path, "weights", figure, "caption")
    (legend,) = [axes.get_legend() for axes in figure.axes]
    assert [text.get_text().strip() for text in legend.get_texts()] == names


@pytest.mark.parametrize(
    ("accuracy", "shown"),
    [
        ([0.2, 0.9], {"overconfident: confidence higher", "underconfident: accuracy higher"}),
        ([0.4, 0.9], {"underconfident: accuracy higher"}),
        ([0.2, 0.6], {"overconfident: confidence higher"}),
        ([0.3, 0.8], set()),
    ],
)
def test_the_legend_of_calibration_names_the_bars_there_are_and_hides_none(accuracy, shown):
    bins = {"count": [3, 4], "confidence": [0.3, 0.8], "accuracy": accuracy}
    figure = figures.reliability_diagram(bins, "Test videos")
    assert not any(axes.get_legend() for axes in figure.axes)  # it would lie on the bars
    (legend,) = figure.legends
    entries = {text.get_text() for text in legend.get_texts()}
    assert entries == {"perfect calibration", "accuracy"} | shown


def test_a_bar_of_accuracy_is_seen_to_its_end_also_of_a_network_that_is_not_sure_enough():
    bins = {"count": [5], "confidence": [0.3], "accuracy": [0.9]}
    drawn, _ = figures.reliability_diagram(bins, "Test videos").axes
    accuracy, gap = drawn.containers
    assert accuracy[0].get_height() == 0.9
    assert (gap[0].get_y(), gap[0].get_y() + gap[0].get_height()) == pytest.approx((0.9, 0.3))
    assert gap[0].get_facecolor()[3] == 0  # opaque, it would end the bar of accuracy at 0.3


def test_the_rows_of_the_pretext_task_are_not_called_classes(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(page, "save_picture", lambda *given, **_: drawn.append(given) or "")
    found = {"transforms": ["none", "rotation"], "confusion": [[3, 1], [0, 4]]}
    page._pretext(tmp_path, {"pretext_top1": 0.875}, {"pretext": found})
    (_, name, figure, _) = drawn[0]
    assert name == "pretext_confusion"
    assert figure.axes[0].get_ylabel() == "true transform"


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        ({"stopped_early": True, "ended_by_hand": True}, "Ended by --finish"),
        ({"stopped_early": True, "ended_by_hand": False}, "Stopped early"),
        ({"stopped_early": False, "ended_by_hand": False}, ""),
        ({}, ""),
    ],
)
def test_the_report_says_that_a_run_has_fewer_epochs_than_its_configuration(ended, said, tmp_path):
    run = make_run()
    run["summary"] |= ended
    text = write_report(tmp_path, **run).read_text("utf-8")
    assert text.count("before the last epoch of its configuration") == (1 if said else 0)
    assert said in text


def test_the_report_draws_each_teachers_weight_by_its_name():
    train = by_epoch(
        [
            {"step": e, "epoch": e, "split": "train", "loss": 2.0, "loss/contrast": 2.0}
            | {"weight0": 0.5 + 0.1 * e, "weight1": 0.5 - 0.1 * e}
            for e in (1, 2)
        ],
        "train",
    )
    (axes,) = figures.weight_curves(train, ["outfit", "motion"]).axes
    lines = {line.get_label(): [*line.get_ydata()] for line in axes.get_lines()}
    assert lines == {"outfit": pytest.approx([0.6, 0.7]), "motion": pytest.approx([0.4, 0.3])}
    assert figures.weight_curves(train, ["outfit"]) is None
    assert figures.weight_curves({}, ["outfit", "motion"]) is None
    (axes,) = figures.loss_curves(train, {}).axes  # the only part is the whole loss
    assert [line.get_label() for line in axes.get_lines()] == ["train, total"]


@pytest.mark.parametrize(
    ("runs", "names"),
    [
        (["runs/motion", "runs/outfit/"], ["motion", "outfit"]),
        (["t/motion/seed100", "t/outfit/seed100"], ["motion/seed100", "outfit/seed100"]),
        (["a/motion/seed0", "b/motion/seed0"], ["a/motion/seed0", "b/motion/seed0"]),
        (["seed0"], ["seed0"]),
        ([], []),
    ],
)
def test_teachers_are_named_apart(runs, names):
    assert page._teachers({"teachers": {"runs": runs}}) == names


def test_what_the_test_cannot_say_is_no_fault_of_the_network():
    one_class = {"num_classes": 3, "video_top1": 1.0, "commonest_class": 1.0}
    (text,) = cautions(one_class)
    assert text.startswith("All test videos are of one class")
    for right, said in ((1.0, "always right"), (0.0, "never right")):
        (text,) = cautions({"confidence_auroc": 0.5, "teacher_right": right})
        assert said in text and "nothing to rank" in text
    (text,) = cautions(
        {"video_top1": 0.9, "mean_class_accuracy": 0.75, "commonest_class": 0.8, "num_classes": 9}
    )
    assert "90.0 % are answered right, on average over the classes 75.0 %: classes of few" in text
    (text,) = cautions({"video_temperature": 19.99})
    assert "answers are no better than guesses" in text
    assert not list(cautions({"video_temperature": 5.0}))
    (text,) = cautions({"confidence_auroc": 0.5, "teacher_right": 0.7})
    assert "no better than chance" in text


def test_a_network_that_says_only_the_commonest_class_is_exposed(tmp_path, report):
    run = make_run()
    run["summary"] |= {"video_top1": 0.8, "commonest_class": 0.8, "mean_class_accuracy": 0.2}
    page = write_report(tmp_path, **run).read_text("utf-8")
    assert "this network is not right more often. Look at the accuracy of each class" in page
    run["summary"] |= {"video_top1": 0.21, "commonest_class": 0.21}  # of five classes
    page = write_report(tmp_path, **run).read_text("utf-8")
    assert "not right more often. It has learnt nothing about the classes yet: train" in page
    assert "not right more often" not in report[1]


def test_unknown_recordings_are_said(tmp_path, report):
    run = make_run()
    run["summary"]["groups"] = {"given": 900, "guessed": 40, "unknown": 1060}
    page = write_report(tmp_path, **run).read_text("utf-8")
    assert "The recording of 1,060 of 2,000 videos is not known" in page
    assert "The recording of 40 videos is guessed" in page
    assert "The recording of" not in report[1]


@pytest.mark.parametrize(
    ("network", "step"),
    [
        ({}, "python -m vidkd_jax.predict --run='my runs/a' VIDEO_OR_FOLDER"),
        ({"in_channels": 2}, """--config.teachers.runs="('my runs/a',)\""""),
        ({"has_classifier": False}, "--config.model.init_from='my runs/a'"),
        (
            {"has_classifier": False, "heads": {"pretext": {"width": 5}}},
            """; or teach PCL+KD: --config.teachers.runs="('my runs/a',)\"""",
        ),
        (
            {"has_classifier": False, "heads": {"confidence": {"width": 1}}},
            "vidkd_jax.predict --run='my runs/a' --teacher=TEACHER VIDEO_OR_FOLDER",
        ),
    ],
)
def test_a_finished_run_prints_what_to_type_next(network, step):
    summary = make_run()["summary"] | {"epochs": 4, "network": network}
    summary |= {"mean_class_accuracy": 0.3, "commonest_class": 0.7, "groups": {"unknown": 3}}
    *figures, last = closing_lines(summary, Path("my runs/a"))
    assert figures[0].startswith("Video@1 62.5 %  mean over classes 30.0 %")
    assert figures[1] == "for comparison: chance 20.0 %, always the commonest class 70.0 %"
    assert [line[:22] for line in figures[2:4]] == [
        "note: Always answering",
        "note: The recording of",
    ]
    assert step in last
    *_, last = closing_lines(summary, Path("my runs/a"), ["runs/large"])
    assert step.replace("TEACHER", "runs/large") in last


@pytest.mark.parametrize("name", ["a b", "it's", "a$b", 'a"b', "a`b", "a!b"])
def test_a_teachers_folder_is_quoted_for_the_shell_whatever_its_name(name):
    summary = make_run()["summary"] | {"epochs": 4, "network": {"in_channels": 2}}
    *_, last = closing_lines(summary, Path(name))
    flag, *_ = shlex.split(last[last.index("--config.teachers.runs=") :])
    assert flag == f"--config.teachers.runs={(name,)!r}"


def test_of_a_clip_sampler_the_ranking_of_clips_comes_first():
    summary = make_run()["summary"] | {"epochs": 4, "confidence_auroc": 0.8}
    first, *_ = closing_lines(summary, Path("run"))
    assert first.startswith("confidence AUROC 0.800  Video@1 62.5 %")
    blind = "\n".join(closing_lines({**summary, "confidence_auroc": 0.46}, Path("run")))
    assert "ranks clips no better than chance (AUROC 0.460" in blind
    assert "ranks clips" not in "\n".join(closing_lines(summary, Path("run")))


def test_an_older_summary_prints_what_it_has():
    summary = {"video_top1": 0.5, "num_classes": 4, "epochs": 3, "train_seconds": 60.0}
    first, report, _ = closing_lines(summary, Path("run"))
    assert first == "Video@1 50.0 %  (4 classes, 3 epochs, 1.0 min)"
    ends = {"video_top1_low": 0.35, "video_top1_high": 0.65}
    first, *_ = closing_lines({**summary, **ends}, Path("run"))
    assert first.startswith("Video@1 50.0 % [35.0, 65.0]  (4 classes")
    once, *_ = closing_lines({**summary, "epochs": 1}, Path("run"))
    assert "1 epoch, 1.0 min" in once
    assert report == "report: run/report/index.html"


def test_the_page_says_how_sure_its_accuracy_is_and_what_calibration_brings(tmp_path, report):
    run = make_run()
    run["summary"] |= {"video_top1_low": 0.45, "video_top1_high": 0.78}
    run["summary"] |= {"calibrated_ece": 0.0321, "video_temperature": 2.125}
    text = write_report(tmp_path, **run).read_text("utf-8")
    assert "of test videos correct, 95 % interval 45.0 to 78.0 %; chance" in text
    assert "0.032" in text and "predict --calibrated" in text and "2.125" in text
    assert "interval" not in report[1] and "predict --calibrated" not in report[1]


def test_classes_that_are_never_right_are_said_where_others_are():
    summary = {"video_top1": 0.6, "mean_class_accuracy": 0.55, "commonest_class": 0.2}
    summary |= {"num_classes": 5, "classes_never_right": 2}
    (text,) = cautions(summary)
    assert text.startswith("Of 5 classes 2 are never right on the test videos")
    (text,) = cautions(summary | {"classes_never_right": 1})
    assert text.startswith("Of 5 classes 1 is never right")
    (text,) = cautions(summary | {"video_top1": 0.2})  # it has learnt nothing at all
    assert text.startswith("Always answering")
    assert not list(cautions(summary | {"classes_never_right": 0}))


def test_frames_of_mistakes_are_drawn_with_what_they_were_taken_for(tmp_path):
    strips = [(f"{name}: a, taken for b", np.zeros((5, 6, 8, 3), np.uint8)) for name in "x\u62f3"]
    figure = figures.film_strips(strips)
    assert len(figure.axes) == 10 and all(len(axes.images) == 1 for axes in figure.axes)
    page.save_picture(tmp_path, "mistakes", figure, "")
    titles = [line.get_suptitle() for line in figure.subfigs]
    assert titles == ["x: a, taken for b", "\\u62f3: a, taken for b"]
    assert figures.film_strips([]) is None


def test_selection_on_the_test_split_is_said(tmp_path, report):
    run = make_run()
    run["summary"]["model_selection"] = "test"
    assert "optimistic" in write_report(tmp_path, **run).read_text("utf-8")
    assert "optimistic" not in report[1]


def test_test_videos_that_may_have_trained_a_teacher_are_said(tmp_path, report):
    run = make_run()
    run["summary"]["on_other_lists"] = True
    assert "on other lists" in write_report(tmp_path, **run).read_text("utf-8")
    assert "on other lists" not in report[1]


@pytest.mark.parametrize(
    "missing",
    [
        ("history", []),
        ("evaluation", {}),
        ("summary", {}),
        ("config", {}),
        ("evaluation", {"mistakes": [], "class_names": [], "confusion": []}),
        ("evaluation", {"clip_reliability": {"count": [0], "confidence": [0], "accuracy": [0]}}),
    ],
    ids=str,
)
def test_missing_parts_are_left_out(tmp_path, missing):
    run = make_run()
    run[missing[0]] = missing[1]
    path = write_report(tmp_path, **run)
    sources = {a["src"] for tag, a in parse(path.read_text("utf-8")) if tag == "img"}
    assert sources == {file.name for file in path.parent.glob("*.png")}
    assert len(sources) < len(PICTURES) or missing[0] in ("summary", "config")


def test_a_second_report_leaves_no_picture_of_the_first(tmp_path):
    run = make_run()
    write_report(tmp_path, **run)
    path = write_report(tmp_path, **{**run, "history": [], "evaluation": {}})
    assert [file.name for file in path.parent.iterdir()] == ["index.html"]


def test_the_same_run_gives_the_same_bytes(tmp_path, report):
    again = write_report(tmp_path, **make_run())
    for file in report[0].parent.iterdir():
        assert (again.parent / file.name).read_bytes() == file.read_bytes()


@pytest.mark.parametrize("num_classes", [1, 60, 400])
def test_any_number_of_classes_can_be_drawn(tmp_path, num_classes):
    evaluation = {
        "class_names": [f"Class{i}" for i in range(num_classes)],
        "confusion": np.eye(num_classes, dtype=int).tolist(),
        "per_class": [1.0] * num_classes,
    }
    path = write_report(tmp_path, **{**make_run(), "history": [], "evaluation": evaluation})
    picture = cv2.imread(str(path.parent / "confusion.png"))
    assert max(picture.shape) < 2400
    assert path.read_text("utf-8").count("<tr>") == num_classes + 1


def test_curves_weigh_records_by_their_steps_and_keep_the_epochs_apart():
    history = [
        {"step": 8, "epoch": 1, "split": "train", "loss": 1.0},
        {"step": 10, "epoch": 1, "split": "train", "loss": 2.0, "clips_per_second": 50.0},
        {"step": 10, "epoch": 1, "split": "val", "loss": 9.0, "promoted": True},
        {"step": 20, "epoch": 2, "split": "train", "loss": 3.0, "note": "text", "gap": None},
        {"step": 20, "epoch": 2, "split": "val", "loss": 8.0, "promoted": False},
    ]
    train = by_epoch(history, "train")
    assert train == {
        "loss": ([1, 2], [pytest.approx(1.2), 3.0]),
        "clips_per_second": ([1], [50.0]),
    }
    assert by_epoch(history, "val")["loss"] == ([1, 2], [9.0, 8.0])
    assert by_epoch(history, "test") == {}
    assert promotions(history) == [1]


def test_the_first_record_of_a_fork_weighs_no_more_than_its_steps():
    history = [
        {"step": 660, "epoch": 11, "split": "train", "loss": 3.0},
        {"step": 704, "epoch": 11, "split": "train", "loss": 1.0},
        {"step": 768, "epoch": 12, "split": "train", "loss": 2.0},
    ]
    loss = (3 * 20 + 1 * 44) / 64
    assert by_epoch(history, "train")["loss"] == ([11, 12], [pytest.approx(loss), 2.0])


def test_a_class_that_the_font_cannot_draw_is_a_number():
    picture = figures.confusion_picture([[1, 0], [0, 1]], ["jump", "\u8df3\u8dc3"])
    (axes, _) = picture.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["jump", "1"]
