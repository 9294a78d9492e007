"""The tables command from its flags to its page, with finished runs that were not trained."""

import csv
import dataclasses
import html
import itertools
import json
import os
import re
import subprocess
import sys
import time

import numpy as np
import pytest
from finished_runs import finish
from record_files import build_squares

from vidkd_jax.errors import InputError
from vidkd_jax.settings import config_files
from vidkd_jax.tables import Row, Selection, Table, checks, costs, dry_run, load_table, runner
from vidkd_jax.tables import __main__ as tables
from vidkd_jax.tables.arms import arms, in_order, row_arm
from vidkd_jax.tables.planned import plan, settled
from vidkd_jax.tables.resolving import resolve
from vidkd_jax.tables.table import available

IN_CSV = ("clip_top1", "video_top1", "clip_ece", "video_ece")
IN_CSV += ("clip_overconfidence", "video_overconfidence")


@pytest.fixture
def finished(tmp_path):
    table = load_table("ty_table3")
    accuracies = {}
    for number, row in enumerate(table.rows):
        accuracies[row.name] = [
            finish(arm, 0.4 + 0.1 * number, 10 * number + arm.seed)
            for arm in arms(row, "marionette_third", 2, tmp_path)
        ]
    return tmp_path, accuracies


def without_missing(capsys):
    """Returns the lines of a dry run but for those of missing records."""
    lines = capsys.readouterr().out.splitlines()
    return [line for line in lines if not line.startswith("Not there yet: ")]


def test_finished_runs_make_the_table(finished, capsys, monkeypatch):
    out, accuracies = finished
    monkeypatch.setattr(runner, "command", lambda *_: [sys.executable, "-c", ""])
    tables.main(["--table=ty_table3", f"--out={out}", "--seeds=2", "--jobs=2"])
    folder = out / "ty_table3_marionette"
    text = (folder / "table.md").read_text()
    assert text.strip() in capsys.readouterr().out
    for name, values in accuracies.items():
        (line,) = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
        mean, std = 100 * np.mean(values), 100 * np.std(values, ddof=1)
        assert f"{mean:.1f} ± {std:.1f} [" in line and "| 2.50 | 2.0 |" in line
    assert "| 46.5 |" in text  # the paper's baseline
    page = (folder / "index.html").read_text()
    assert "TY, KL times tau^2" in page
    for picture in ("accuracy_by_epoch", "reliability"):
        assert f'src="{picture}.png"' in page and (folder / f"{picture}.png").stat().st_size > 5000
    with (folder / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    lines = [(name, what) for name in accuracies for what in (*IN_CSV, "m_parameters", "minutes")]
    assert [(r["row"], r["metric"]) for r in rows] == lines
    (paper,) = [r for r in rows if (r["row"], r["metric"]) == ("TY", "video_top1")]
    assert (paper["seeds"], paper["paper_per_cent"]) == ("2", "68.4")
    with (folder / "seeds.csv").open() as file:
        runs = list(csv.DictReader(file))
    each = {(r["row"], r["seed"], r["metric"]): float(r["figure"]) for r in runs}
    other = "Baseline + Data Aug, other seeds"
    assert [each["TY", str(seed), "video_top1"] for seed in (0, 1)] == accuracies["TY"]
    assert [each[other, str(seed), "video_top1"] for seed in (1000, 1001)] == accuracies[other]
    assert len(runs) == 2 * len(IN_CSV) * len(accuracies)
    assert {r["table_seed"] for r in runs if r["row"] == other} == {"0", "1"}


def test_a_table_is_written_as_utf_8_in_any_locale(finished):
    out, _ = finished
    environment = os.environ | {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    command = ["-m", "vidkd_jax.tables", "--table=ty_table3", f"--out={out}", "--seeds=2"]
    subprocess.run([sys.executable, *command, "--so_far"], check=True, env=environment)
    folder = out / "ty_table3_marionette"
    assert "\N{PLUS-MINUS SIGN}" in (folder / "table.md").read_text("utf-8")
    assert "TY" in (folder / "seeds.csv").read_text("utf-8")


def test_seeds_that_are_finished_are_shown_whichever_is_not(finished, capsys):
    out, accuracies = finished
    table, command = load_table("ty_table3"), ["--table=ty_table3", f"--out={out}", "--so_far"]

    def forget(name, seed):
        folder = row_arm(table.row(name), "marionette_third", seed, out).folder
        (folder / "summary.json").unlink()

    forget("TY", 0)
    tables.main([*command, "--seeds=2"])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line[:5] == "| TY "]
    assert line.startswith("| TY | 1 | ") and f"| {100 * accuracies['TY'][1]:.1f} [" in line
    with (out / "ty_table3_marionette/seeds.csv").open() as file:
        assert {r["seed"] for r in csv.DictReader(file) if r["row"] == "TY"} == {"1"}
    forget("Baseline + Data Aug", 1)  # which TY is compared with: no seed has both
    tables.main([*command, "--seeds=2"])
    assert "Run, but not what they are compared with: TY" in capsys.readouterr().out


def test_seeds_of_two_machines_make_the_table_of_one(finished, capsys):
    out, _ = finished
    command = ["--table=ty_table3", "--seeds=2", "--so_far"]
    tables.main([*command, f"--out={out}"])
    files = [out / "ty_table3_marionette" / f"{name}.csv" for name in ("table", "seeds")]
    of_one = [file.read_text() for file in files]
    first, other = out / "first", out / "other"
    for row in load_table("ty_table3").rows:
        for arm, to in zip(arms(row, "marionette_third", 2, out), (first, other), strict=True):
            there = dataclasses.replace(arm, out=to).folder
            there.parent.mkdir(parents=True, exist_ok=True)
            arm.folder.rename(there)
    capsys.readouterr()
    tables.main([*command, f"--out={first}", f"--out={other}"])
    said = f"The runs are of several folders: seed 0 of '{first}'; seed 1 of '{other}'."
    assert said in capsys.readouterr().out
    assert [(first / file.relative_to(out)).read_text() for file in files] == of_one
    page = (first / "ty_table3_marionette/index.html").read_text()
    assert html.escape(said) in page and "Not drawn" not in page
    with pytest.raises(InputError, match="runs go to one folder; several make one table with"):
        tables.main([*command[:2], f"--out={first}", f"--out={other}"])
    with pytest.raises(InputError, match=r"'.*no/where' has no finished run of the table's first"):
        tables.main([*command, f"--out={first}", f"--out={out / 'no/where'}"])


def test_a_seed_of_two_machines_counts_once(finished):
    out, _ = finished
    (again,) = arms(load_table("ty_table3").row("TY"), "marionette_third", 1, out / "other")
    finish(again, 0.5, 0)
    command = ["--table=ty_table3", f"--out={out}", f"--out={again.out}", "--seeds=2", "--so_far"]
    with pytest.raises(InputError, match=r"' and '.*other' both have runs of seed 0, such as row"):
        tables.main(command)


def test_seeds_of_another_recipe_on_another_machine_are_refused(finished):
    out, _ = finished
    for row in load_table("ty_table3").rows:
        *_, arm = arms(row, "marionette_third", 3, out / "other")
        finish(arm, 0.5, arm.seed)
        path = arm.folder / "config.json"
        config = json.loads(path.read_text())
        path.write_text(json.dumps({**config, "optim": {**config["optim"], "learning_rate": 9.0}}))
    command = ["--table=ty_table3", f"--out={out}", f"--out={out / 'other'}", "--seeds=3"]
    with pytest.raises(InputError, match=r"other/.*was run with another .*do not compare"):
        tables.main([*command, "--so_far"])


def test_a_table_of_what_is_finished_so_far(finished, capsys, monkeypatch):
    out, accuracies = finished
    monkeypatch.setattr(runner, "run_all", lambda *_, **__: pytest.fail("it ran something"))
    rows = load_table("ty_table3").rows
    (ty,) = [row for row in rows if row.name == "TY"]
    for arm in arms(rows[-1], "marionette_third", 2, out):
        (arm.folder / "summary.json").unlink()
    path = arms(ty, "marionette_third", 2, out)[1].folder / "summary.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "ended_by_hand": True}))
    tables.main(["--table=ty_table3", f"--out={out}", "--seeds=2", "--so_far"])
    text = capsys.readouterr().out
    # TY has one of two seeds, so its difference is to the same seed of the reference.
    first, reference = 100 * accuracies["TY"][0], 100 * accuracies["Baseline + Data Aug"][0]
    (line,) = [line for line in text.splitlines() if line.startswith("| TY | 1 |")]
    assert "of one seed, over test groups alone" in text and "Test groups: 6." in text
    assert f"| {first:.1f} [" in line and f"| {first - reference:+.1f} [" in line
    assert "(pairs: 1)" in line  # not the difference of the two means in the table
    assert "| TY, the released code's recipe |" not in text
    assert "Not run yet: TY, the released code's recipe." in text


def test_rows_are_compared_with_another_row_on_request(finished, capsys):
    out, accuracies = finished
    command = ["--table=ty_table3", f"--out={out}", "--seeds=2", "--so_far"]
    tables.main([*command, "--against=TY"])
    lines = capsys.readouterr().out.splitlines()
    means = {name: 100 * np.mean(values) for name, values in accuracies.items()}
    for name in ("Baseline", "Baseline + Data Aug"):
        (line,) = [line for line in lines if line.startswith(f"| {name} |")]
        assert f"| {means[name] - means['TY']:+.1f} ±" in line and "] TY |" in line
    # The noise floor is still what its row differs from the one that it repeats.
    other = "Baseline + Data Aug, other seeds"
    (line,) = [line for line in lines if line.startswith(f"| {other} |")]
    assert f"| {means[other] - means['Baseline + Data Aug']:+.1f} ±" in line
    # As the one that all are compared with, it is a row like any other.
    tables.main([*command, f"--against={other}"])
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("| TY |")]
    assert f"| {means['TY'] - means[other]:+.1f} ±" in line
    assert (out / "ty_table3_marionette_against_TY/table.csv").is_file()
    assert not (out / "ty_table3_marionette").exists()


def test_a_table_of_other_settings_says_so(finished, capsys):
    out, _ = finished
    command = ["--table=ty_table3", f"--out={out}", "--seeds=2", "--so_far"]
    tables.main(command)
    assert "Not the table's own settings" not in capsys.readouterr().out
    for path in out.glob("runs/*/*/seed*/config.json"):
        config = json.loads(path.read_text())
        config["train"] = {**config.get("train", {}), "epochs": 10}
        path.write_text(json.dumps(config))
    tables.main(command)
    said = "Not the table's own settings: all runs had train.epochs=10."
    assert said in capsys.readouterr().out
    assert said in (out / "ty_table3_marionette/index.html").read_text().replace("&#x27;", "'")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"optim": {"name": "sgd"}}, r"was run with another optim\.name than the table's other"),
        ({"network": {"records": "others"}}, r"was run on other videos or lists than the table's"),
    ],
)
def test_runs_that_do_not_compare_are_no_table(finished, changed, message):
    out, _ = finished
    (row,) = [row for row in load_table("ty_table3").rows if row.name == "TY"]
    path = arms(row, "marionette_third", 2, out)[1].folder / "config.json"
    config = json.loads(path.read_text())
    for part, values in changed.items():
        config[part] |= values
    path.write_text(json.dumps(config))
    with pytest.raises(InputError, match=message) as caught:
        tables.main(["--table=ty_table3", f"--out={out}", "--seeds=2", "--so_far"])
    assert "ty_r18/seed1" in str(caught.value)


def test_rows_of_other_records_compare(tmp_path, capsys):
    """The rows of the gates use three renders, each with its own records."""
    for number, row in enumerate(load_table("marionette_gates").rows):
        for arm in arms(row, "marionette", 1, tmp_path):
            finish(arm, 0.5, number, records=row.overrides.get("data.name", "marionette"))
    tables.main(["--table=marionette_gates", f"--out={tmp_path}", "--seeds=1", "--so_far"])
    assert "| background only | 1 |" in capsys.readouterr().out


def test_what_all_runs_were_run_with_is_no_difference(finished, capsys):
    out, _ = finished
    for path in out.rglob("config.json"):
        config = json.loads(path.read_text())
        config["train"]["epochs"] = 7
        path.write_text(json.dumps(config))
    tables.main(["--table=ty_table3", f"--out={out}", "--seeds=2", "--so_far"])
    assert "| TY | 2 |" in capsys.readouterr().out


def test_a_difference_says_of_how_many_seeds_it_is(finished, capsys):
    out, accuracies = finished
    reference = load_table("ty_table3").reference
    (row,) = [row for row in load_table("ty_table3").rows if row.name == reference]
    (arms(row, "marionette_third", 2, out)[1].folder / "summary.json").unlink()
    tables.main(["--table=ty_table3", f"--out={out}", "--seeds=2", "--so_far"])
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("| TY | 2 |")]
    change = 100 * (accuracies["TY"][0] - accuracies[reference][0])
    assert f"{change:+.1f} [" in line and "(pairs: 1)" in line
    with (out / "ty_table3_marionette/table.csv").open() as file:
        found = {(r["row"], r["metric"]): r for r in csv.DictReader(file)}
    assert found["TY", "video_top1"]["pairs"] == "1"
    assert found["Baseline", "video_top1"]["paper_per_cent"] == "46.5"


def test_data_sets_show_what_is_finished_on_each(tmp_path, capsys):
    rows = {row.name: row for row in load_table("ty_table4").rows}
    datasets = load_table("ty_table4").scales["marionette"]

    def finish_on(name, row, seeds=1):
        for arm in arms(rows[row], datasets[name], seeds, tmp_path):
            finish(arm, 0.5, arm.seed)

    finish_on("UCF101", "Baseline, 3D ResNet-18", seeds=2)
    finish_on("UCF101", "TY, 3D ResNet-18", seeds=2)
    finish_on("HMDB51", "Baseline, 3D ResNet-18")
    finish_on("HMDB51", "Baseline, 3D ResNet-50")
    # This TY row is compared only with a row that is missing.
    finish_on("Kinetics400", "TY, 3D ResNet-50")
    finish_on("Kinetics400", "Baseline, 3D ResNet-50")
    tables.main(["--table=ty_table4", f"--out={tmp_path}", "--so_far"])
    text = capsys.readouterr().out
    blocks = text.split("**")
    assert "| TY, 3D ResNet-18 | 2 |" in blocks[blocks.index("UCF101 (marionette_third)") + 1]
    second = blocks[blocks.index("HMDB51 (marionette_small)") + 1]
    assert "| Baseline, 3D ResNet-50 | 1 |" in second and "| TY, 3D ResNet-18" not in second
    assert "Kinetics400 (marionette)" not in blocks
    assert (
        "Run on Kinetics400 (marionette), but not what they are compared with: "
        "Baseline, 3D ResNet-50, TY, 3D ResNet-50." in text
    )
    assert "Not run yet on HMDB51 (marionette_small): Baseline, 3D ResNet-18, other" in text


def test_the_papers_figures_stand_in_a_column_of_each_of_its_data_sets(tmp_path, capsys):
    """One data set stands for two of the paper's, which has a second figure of one of them."""
    rows = (
        Row("alone", "supervised_r18", paper={"UCF101": 50.79, "m_parameters": 33.4}),
        Row("TY", "ty_r18", paper={"UCF101": {"video_top1": 71.3, "video_ece": 8.1}}),
        Row("hints", "hints_r18", paper={"HMDB51": 41.1}),
    )
    table = Table(
        "t",
        rows,
        "alone",
        {
            "marionette": {"": "marionette_third"},
            "named": {"UCF101": "marionette"},
            "paper": {"UCF101": "ucf101", "HMDB51": "hmdb51"},
        },
        metrics=("video_top1", "video_ece"),
    )
    for dataset in ("marionette_third", "marionette"):
        for row in rows:
            finish(row_arm(row, dataset, 0, tmp_path), 0.5, 0)

    def lines(scale):
        text = tables.write_table(table, table.scales[scale], [tmp_path], tmp_path / scale, 1)
        return [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("|")]

    heads, _, alone, ty, hints = lines("marionette")
    three = [" paper UCF101 Video@1 ", " paper UCF101 ECE video ", " paper HMDB51 Video@1 "]
    assert heads[-3:] == three and heads[-4] == " minutes "
    assert alone[-3:] == [" 50.8 ", "  ", "  "] and "(paper 33.4)" in alone[-5]
    assert ty[-3:] == [" 71.3 ", " 8.1 ", "  "] and hints[-3:] == ["  ", "  ", " 41.1 "]
    heads, _, alone, ty, hints = lines("named")
    assert heads[-3:] == [" paper Video@1 ", " paper ECE video ", " paper HMDB51 Video@1 "]
    assert alone[-3:] == [" 50.8 ", "  ", "  "] and "(paper 33.4)" in alone[-5]
    assert ty[-3:] == [" 71.3 ", " 8.1 ", "  "] and hints[-1] == " 41.1 "


def test_rows_with_a_cell_make_a_grid(tmp_path, capsys):
    for number, row in enumerate(load_table("ty_table8").rows):
        if row.cell != ("tau 10", "lambda 0.5"):
            finish(row_arm(row, "marionette_third", 0, tmp_path), 0.5, number)
    tables.main(["--table=ty_table8", f"--out={tmp_path}", "--seeds=1", "--so_far"])
    lines = capsys.readouterr().out.splitlines()
    start = lines.index("| Video@1 | lambda 0.1 | lambda 0.2 | lambda 0.5 |")
    taus = [line.split("|") for line in lines[start + 2 : start + 5]]
    assert [tau[1] for tau in taus] == [" tau 5 ", " tau 10 ", " tau 20 "]
    assert "(paper 68.4)" in taus[0][3] and taus[1][4].strip() == ""
    page = (tmp_path / "ty_table8_marionette/index.html").read_text()
    assert "(paper 46.1)" in page


def test_a_table_of_which_nothing_is_finished(tmp_path):
    with pytest.raises(InputError, match="'Baseline \\+ Data Aug' has no finished run"):
        tables.main(["--table=ty_table3", f"--out={tmp_path}", "--so_far"])


def test_dry_run_prints_every_command_and_runs_none(tmp_path, capsys):
    tables.main(
        [
            "--table=ty_table3",
            f"--out={tmp_path}",
            "--seeds=2",
            "--dry_run",
            "--config.train.epochs=6",
        ]
    )
    *lines, total = without_missing(capsys)
    table = load_table("ty_table3")
    runs, prices = lines[::2], lines[1::2]
    assert len(runs) == 2 * len(table.rows) and not list(tmp_path.iterdir())
    assert all("--config.train.epochs=6" in line for line in runs)
    # Every row trains on the same videos: all that are not held out.
    assert {line.partition(" clips")[0].strip() for line in prices} == {
        "396 videos, 18 passes of 384"
    }
    assert any("seed1000" in line and "--config.seed=1000" in line for line in runs)
    assert total.startswith("14 runs") and "GFLOP/s (the forward pass of " in total


def test_some_seeds_alone_are_run(tmp_path, capsys):
    command = ["--table=ty_table3", f"--out={tmp_path}", "--seeds=4", "--dry_run"]
    tables.main([*command, "--seed=1", "--seed=3", "--row=TY", "--row=Baseline"])
    *lines, total = without_missing(capsys)
    seeds = [int(line.partition("--config.seed=")[2].split()[0]) for line in lines[::2]]
    assert seeds == [1, 1, 3, 3] and total.startswith("4 runs")


def test_runs_that_machines_must_share_are_said_where_one_seed_is_run(tmp_path, capsys):
    command = ["--table=pclkd_table4", f"--out={tmp_path}", "--seeds=2", "--dry_run"]
    row = "--row=C3D taught by R3D"
    tables.main([*command, row, "--seed=1"])
    said = capsys.readouterr().err
    assert "all seeds share these runs" in said and "pcl_r3d/seed100" in said
    assert "keep the machines' folders apart" in said
    shared_row = [
        "--table=condi_table4_3",
        f"--out={tmp_path}",
        "--seeds=2",
        "--dry_run",
        "--seed=1",
    ]
    tables.main(shared_row)  # which two machines cannot each have
    said = capsys.readouterr().err
    assert "all seeds share these runs" in said and "apart" not in said
    tables.main([*command, row])
    assert "all seeds share" not in capsys.readouterr().err


def test_finished_seeds_say_how_the_table_is_made(finished, capsys):
    out, _ = finished
    command = ["--table=ty_table3", f"--out={out}", "--seeds=2"]
    tables.main([*command, "--seed=1"])
    said = capsys.readouterr().out
    assert said.startswith("finished: all rows, seed 1; the table of all finished rows: python -m ")
    assert said.rstrip().endswith("--seeds=2 --so_far")
    assert not (out / "ty_table3_marionette").exists()
    tables.main([*command, "--seed=0", "--row=TY"])
    assert capsys.readouterr().out.startswith("finished: TY, seed 0; ")


def test_a_network_s_speed_is_measured(monkeypatch):
    """A clock that goes on by a second a call: four clips take one."""
    clock = itertools.count()
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(clock)))
    narrow = row_arm(Row("a", "supervised_r18", {"model.width": 1 / 16}), "marionette", 0)
    costed = costs.cost(narrow)
    assert costs.flops_per_second(narrow) == pytest.approx(
        4 * costed.flops / costed.clips / costed.passes / 3
    )


def test_dry_run_says_what_is_left(finished, capsys):
    out, _ = finished
    (ty,) = [row for row in load_table("ty_table3").rows if row.name == "TY"]
    for arm in arms(ty, "marionette_third", 2, out):
        (arm.folder / "summary.json").unlink()
    tables.main(["--table=ty_table3", f"--out={out}", "--seeds=2", "--dry_run"])
    *lines, total, left = without_missing(capsys)
    assert total.startswith("14 runs") and left.startswith("2 of them are left to run, about ")
    # The time is reckoned with what the finished runs took.
    costly = [float(p.split(" FLOPs")[0].split()[-1]) for p in lines[1::2] if "(finished)" in p]
    speed = sum(costly) * 3 / 25 / (120 * len(costly)) / 1e9  # they stopped after epoch 3 of 25
    assert f" at {speed:,.0f} GFLOP/s (as the finished ones trained," in total
    for path in out.rglob("config.json"):  # all runs were told to do 6 epochs
        config = json.loads(path.read_text())
        config["train"]["epochs"] = 6
        path.write_text(json.dumps(config))
    shorter = ["--table=ty_table3", f"--out={out}", "--seeds=2", "--config.train.epochs=6"]
    tables.main([*shorter, "--dry_run"])  # the 3 that they did cost as much as before
    assert f" at {speed:,.0f} GFLOP/s (as" in without_missing(capsys)[-2]
    unfinished = [
        line
        for line, price in zip(lines[::2], lines[1::2], strict=True)
        if "(finished)" not in price
    ]
    assert len(unfinished) == 2 and all("/ty_r18/seed" in line for line in unfinished)


@pytest.mark.parametrize("name", available())
def test_every_run_of_every_table_resolves_at_every_scale(name, tmp_path):
    table = load_table(name)
    for datasets in table.scales.values():
        wanted = [
            arm
            for dataset in datasets.values()
            for row in table.rows
            for arm in arms(row, dataset, 1, tmp_path)
        ]
        for arm in in_order(wanted):
            resolve(arm)
        assert table.headline_metric()
    for scale in table.scales:
        shown = {metric.name for metric in table.at(scale).shown_metrics()}
        assert table.at(scale).headline in shown
        assert scale == "marionette" or not {
            n for n in shown if n.endswith(("motion", "direction"))
        }
    names = [row.name for row in table.rows]
    assert len(set(names)) == len(names)
    assert {table.against(row) for row in table.rows} <= set(names)
    # Rows that differ in their choice of clips alone share a run.
    folders = {(str(arm.folder), repr(arm.row.selection)) for arm in wanted}
    assert len(folders) == len(wanted)


def test_the_papers_costs_stand_beside_ours(tmp_path):
    paper = {"video_top1": 50.0, "m_parameters": 33.4, "hours": 29.8}
    row = Row("a", "supervised_r18", paper=paper)
    finish(row_arm(row, "marionette", 0, tmp_path), 0.5, 0)
    table = Table("t", (row,), "a", {"marionette": {"": "marionette"}})
    text = tables.write_table(table, {"": "marionette"}, [tmp_path], tmp_path / "t", 1)
    assert "| 2.50 (paper 33.4) | 2.0 (paper 29.8 h) |" in text and "|  | 50.0 |" in text


def test_the_cost_of_a_run_is_its_networks_times_its_clips():
    plain, taught = (
        costs.cost(row_arm(row, "ucf101", 0))
        for row in (
            Row("a", "supervised_r18", {"train.epochs": 2}),
            Row("b", "ty_r18", {"train.epochs": 2}),
        )
    )
    assert (plain.videos, plain.passes, plain.clips) == (8_583, 2, 8_576)
    # Forward and two backward passes of 42.6 GMACs (facts of the network), a teacher's forward.
    assert plain.flops == pytest.approx(6 * 42.6e9 * 8_576 * 2, rel=0.05)
    assert taught.flops == pytest.approx(plain.flops * 4 / 3)


def test_a_pass_takes_whole_batches():
    """So does training: 28 videos are one batch of 16, however often they are passed over."""
    few = Row("few", "supervised_r18", {"data.fraction": 28 / 1190})
    whole, smaller = (
        costs.cost(row_arm(dataclasses.replace(few, overrides=overrides), "marionette", 0))
        for overrides in (few.overrides, {**few.overrides, "train.batch_size": 14})
    )
    assert (whole.videos, whole.clips, smaller.clips) == (28, 16, 28)
    assert smaller.flops == whole.flops / 16 * 28


def test_missing_records_are_refused_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "run_all", lambda *_, **__: pytest.fail("it ran something"))
    monkeypatch.setenv("VIDKD_DATA", str(tmp_path / "none"))
    message = r"no records of 'marionette' .* --dataset=marionette"
    with pytest.raises(InputError, match=message) as e:
        tables.main(["--table=ty_table7", f"--out={tmp_path}", "--seeds=1"])
    assert "\n" not in str(e.value) and f"--out={tmp_path}/none" in str(e.value)


def test_all_records_that_are_missing_are_said_at_once_and_before_a_decision(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("VIDKD_DATA", str(tmp_path))
    monkeypatch.setattr(costs, "flops_per_second", lambda *_: 1e9)
    flags = ["--table=strong_teachers", f"--out={tmp_path}", "--seeds=1"]
    with pytest.raises(InputError) as refused:
        tables.main(flags)
    tables.main([*flags, "--dry_run"])
    said = [f"Not there yet: {line}" for line in str(refused.value).splitlines()]
    folders = [line.split("'")[3] for line in said]
    assert sorted(folders) == [
        f"{tmp_path}/marionette_{name}/split1" for name in ("study", "teachers", "teachers_flow")
    ]
    assert capsys.readouterr().out.splitlines()[-len(said) :] == said


def test_records_of_the_videos_that_are_answered_in_the_end_are_missed_before_anything_runs(
    tmp_path, monkeypatch
):
    """Table 1.2 trains on other videos than it answers."""
    monkeypatch.setenv("VIDKD_DATA", str(tmp_path))
    with pytest.raises(InputError) as refused:
        tables.main(["--table=condi_table1_2", f"--out={tmp_path}", "--seeds=1"])
    said = str(refused.value)
    assert "'marionette_teachers'" in said and "'marionette_untrimmed'" in said


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--config.data.stride=7"], r"data\.stride=2, not 7; use another --out"),
        (["--config.data.crop_sizes=(32,48)", "--dry_run"], r"data\.crop_sizes=.*another --out"),
    ],
)
def test_runs_of_other_settings_are_refused_before_anything_runs(
    finished, monkeypatch, flags, message
):
    monkeypatch.setattr(runner, "run_all", lambda *_, **__: pytest.fail("it ran something"))
    out, _ = finished
    with pytest.raises(InputError, match=rf"'.*/runs/.*' holds a run with {message}"):
        tables.main(["--table=ty_table3", f"--out={out}", "--seeds=2", *flags])


def test_runs_that_are_done_are_not_started_again(finished, monkeypatch, capsys):
    monkeypatch.setattr(runner, "command", lambda *_: pytest.fail("it started something"))
    out, _ = finished
    tables.main(["--table=ty_table3", f"--out={out}", "--seeds=2"])
    assert "| TY |" in capsys.readouterr().out


def test_a_run_of_other_weights_is_not_settled(finished):
    """Its folder was moved, and the weights that it had learnt from are not there."""
    out, _ = finished
    (ty,) = [row for row in load_table("ty_table3").rows if row.name == "TY"]
    runs = plan(arms(ty, "marionette_third", 1, out), [])
    assert settled(runs) == {run.arm.folder for run in runs}
    for path in out.rglob("config.json"):
        config = json.loads(path.read_text())
        config["model"]["init_from"] = "/elsewhere"
        path.write_text(json.dumps(config))
    assert not settled(runs)


def test_a_dry_run_counts_what_goes_on(finished, capsys):
    """Runs of 3 epochs, not stopped early, are asked for 4."""
    out, _ = finished
    fields = {"name": "plateau", "perfect_epochs": 0, "warmup_epochs": 0}
    for path in out.rglob("summary.json"):
        summary = json.loads(path.read_text())
        path.write_text(json.dumps({**summary, "stopped_early": False}))
    for path in out.rglob("config.json"):
        config = json.loads(path.read_text())
        config["schedule"] |= fields
        path.write_text(json.dumps(config))
    longer = [f"--config.schedule.{field}={value}" for field, value in fields.items()]
    command = ["--table=ty_table3", f"--out={out}", "--seeds=2", "--dry_run", *longer]
    tables.main([*command, "--config.train.epochs=4"])
    assert "(finished)" not in capsys.readouterr().out
    tables.main([*command, "--config.train.epochs=3"])
    left = without_missing(capsys)[-1]
    assert left.startswith("0 of them are left to run")
    with pytest.raises(InputError, match=r"train\.epochs: 2, but the run in '.*' has done 3; give"):
        tables.main([*command, "--config.train.epochs=2"])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("summary.json", "[]", r"summary\.json' is damaged"),
        ("summary.json", '{"epochs": 3}', r"summary\.json has no number '"),
        ("config.json", None, "has no config.json, so it is not known whether it compares"),
    ],
)
def test_a_finished_run_without_a_part_of_it_is_one_line(finished, name, text, message):
    out, _ = finished
    path = next(out.rglob("seed0")) / name
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(InputError, match=message):
        tables.main(["--table=ty_table3", f"--out={out}", "--seeds=2", "--so_far"])


@pytest.mark.parametrize("damage", ["gone", "half"])
def test_a_finished_run_without_its_predictions_is_one_line(finished, damage):
    out, _ = finished
    path = next(out.rglob("predictions.npz"))
    whole = path.read_bytes()
    path.unlink() if damage == "gone" else path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"left cannot be read .*; delete the folder"):
        tables.main(["--table=ty_table3", f"--out={out}", "--seeds=2", "--so_far"])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("ty_r81", "row 'a': --config=ty_r81: no such file or name; did you mean 'ty_r18'"),
        ("demo", r"demo\.py:marionette: this config takes no argument; leave it out"),
    ],
)
def test_a_row_of_a_config_that_there_is_not_is_one_line(config, message):
    with pytest.raises(InputError, match=message):
        resolve(row_arm(Row("a", config), "marionette", 0))


def test_a_table_of_ones_own_with_configs_of_ones_own(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("VIDKD_DATA", "")
    text = (config_files.FOLDER / "supervised_r18.py").read_text()
    (tmp_path / "my.config.py").write_text(text.replace("supervised_r18", "mine"))
    (tmp_path / "my_table.py").write_text(
        "from vidkd_jax.tables import Row, Table\n"
        f"ROWS = (Row('a', {str(tmp_path / 'my.config.py')!r}), Row('b', 'ty_r18'))\n"
        "TABLE = Table('t', ROWS, 'a', {'marionette': {'': 'marionette'}})\n"
    )
    monkeypatch.setattr(costs, "flops_per_second", lambda *_: 1e9)
    tables.main([f"--table={tmp_path}/my_table.py", f"--out={tmp_path}", "--seeds=1", "--dry_run"])
    first, _, second, *_ = capsys.readouterr().out.splitlines()
    assert f"--config={tmp_path}/my.config.py:marionette" in first
    assert re.search(rf"--workdir={tmp_path}/runs/marionette/my\.config-[0-9a-f]{{8}}/seed0", first)
    assert f"{config_files.FOLDER}/ty_r18.py:marionette" in second


def test_a_row_that_means_nothing_without_flags_is_refused_before_anything_runs(
    tmp_path, monkeypatch
):
    row = Row("hints", "hints_r18", {"method.blocks_of_teacher": ("a", "b"), "teachers.runs": ()})
    table = Table("t", (row,), "hints", {"marionette": {"": "marionette"}})
    monkeypatch.setattr(tables, "load_table", lambda _: table)
    flags = ["--config.method.student_blocks=('a', 'b')"]
    message = r"row 'hints', without the command line's settings: config\.method\.student_blocks"
    with pytest.raises(InputError, match=message):
        tables.main(["--table=t", f"--out={tmp_path}", "--dry_run", *flags])


@pytest.fixture
def command_of(tmp_path, monkeypatch):
    """Returns a function: the command of a table of one column with these rows, up to its cost."""
    monkeypatch.setattr(tables, "print_costs", lambda *_: None)

    def command(*rows, seeds, **fields):
        table = Table("t", rows, rows[0].name, {"marionette": {"": "marionette"}}, **fields)
        monkeypatch.setattr(tables, "load_table", lambda _: table)
        tables.main(["--table=t", f"--out={tmp_path}", "--dry_run", f"--seeds={seeds}"])

    return command


@pytest.mark.parametrize(("offset", "seeds"), [(0, 1), (2, 3)])
def test_a_noise_floor_that_shares_a_run_with_its_reference_is_refused(offset, seeds, command_of):
    rows = (Row("a", "supervised_r18"), Row("again", "supervised_r18", seed_offset=offset))
    with pytest.raises(InputError, match=rf"'again' and 'a' are both .*seed{offset}', and would"):
        command_of(*rows, seeds=seeds, noise=("again",))
    if offset:
        command_of(*rows, seeds=offset, noise=("again",))


def test_a_row_that_has_its_references_run_of_another_seed_is_refused(command_of):
    first = Row("a", "supervised_r18")
    again = dataclasses.replace(first, name="again", seed_offset=2)
    with pytest.raises(InputError, match=r"'again' and 'a' are both .*seed2', and would differ"):
        command_of(first, again, seeds=3)
    command_of(first, again, seeds=2)


def test_rows_of_different_splits_are_refused(command_of):
    first, second = (
        Row(f"split {split}", "supervised_r18", {"data.split": split}) for split in (1, 2)
    )
    message = r"rows 'split 1' and 'split 2': data\.split=1 and 2 of 'marionette', .* a column"
    with pytest.raises(InputError, match=message):
        command_of(first, second, seeds=1)
    taught = Row("taught", "distillation_r18", {"teachers.runs": (second,)})
    with pytest.raises(InputError, match="rows 'split 2' and 'taught': "):
        command_of(taught, seeds=1)
    command_of(second, seeds=1)
    elsewhere = dataclasses.replace(second, dataset="marionette_teachers")
    command_of(Row("taught", taught.config, {"teachers.runs": (elsewhere,)}), seeds=1)


def test_each_split_may_have_a_column(tmp_path, capsys):
    """The runs of a split are compared among themselves, on its own test groups."""
    rows = (Row("a", "supervised_r18"), Row("b", "ty_r18"))
    columns = {"split 1": "hmdb51", "split 2": "hmdb51_split2"}
    for row, dataset in itertools.product(rows, columns.values()):
        arm = row_arm(row, dataset, 0, tmp_path)
        finish(arm, 0.5, 0, records=dataset)
        path = arm.folder / "predictions.npz"
        with np.load(path) as saved:
            arrays = dict(saved)
        np.savez(path, **{**arrays, "groups": [f"{dataset}_{g}" for g in arrays["groups"]]})
    table = Table("t", rows, "a", {"paper": columns}, pictures=("reliability",))
    checks.check_splits(rows, columns.values(), [])
    text = tables.write_table(table, columns, [tmp_path], tmp_path / "t", 1)
    assert "split 1 (hmdb51)" in text and "split 2 (hmdb51_split2)" in text
    assert len(list((tmp_path / "t").glob("reliability_*.png"))) == 2


def test_rows_that_are_meant_to_share_runs_may(command_of):
    first = Row("a", "supervised_r18")
    command_of(first, dataclasses.replace(first, name="one of them", only_seed=1), seeds=3)
    chosen = dataclasses.replace(first, name="chosen", selection=Selection("entropy"))
    command_of(first, chosen, seeds=3)


def test_words_for_true_and_false_are_those_of_runs():
    arm = row_arm(Row("a", "ty_r18"), "marionette", 0)
    for text, value in (("0", False), ("f", False), ("TRUE", True)):
        assert resolve(arm, [f"--config.augment.enabled={text}"]).augment.enabled is value


def test_a_dry_run_of_a_data_set_of_unknown_size_is_one_line(tmp_path):
    root = [f"--config.data.root={tmp_path}"]
    with pytest.raises(InputError, match="does not know how many videos 'mine' has, and has no"):
        costs.cost(row_arm(Row("a", "ty_r18"), "laptop", 0), root)


def test_a_dry_run_counts_ones_own_records(square_videos, tmp_path, capsys):
    build_squares(square_videos, tmp_path, dataset="ucf101", name="mine")
    extra = [f"--config.data.root={tmp_path}", "--config.data.short_side=36"]
    extra += ["--config.data.crop=24"]
    arm = row_arm(Row("a", "ty_r18", {"model.width": 1 / 32}), "laptop", 0, tmp_path)
    assert costs.cost(arm, extra).videos == round(12 * 0.8)
    dry_run.print_costs(plan([arm], extra), extra)
    *_, run, total = capsys.readouterr().out.splitlines()
    # An epoch is 64 batches of 8, each of which is a pass.
    assert (
        run.startswith("    10 videos, 3200 passes of 8 clips, ")
        and "GFLOP/s (the forward pass of" in total
    )


def test_predictions_of_classes_that_there_are_not_are_one_line(finished):
    out, _ = finished
    path = next(out.rglob("predictions.npz"))
    with np.load(path) as saved:
        arrays = dict(saved)
    np.savez(path, **{**arrays, "labels": arrays["labels"] + arrays["logits"].shape[1]})
    with pytest.raises(InputError, match=r"left cannot be read \(labels from .* classes\); delete"):
        tables.main(["--table=ty_table3", f"--out={out}", "--seeds=2", "--so_far"])


def test_a_picture_that_there_is_not_is_refused_before_anything_runs(tmp_path, monkeypatch):
    row = Row("a", "ty_r18")
    table = Table("t", (row,), "a", {"marionette": {"": "marionette"}}, pictures=("relaibility",))
    monkeypatch.setattr(tables, "load_table", lambda _: table)
    with pytest.raises(InputError, match="no picture 'relaibility'; did you mean 'reliability'"):
        tables.main(["--table=t", f"--out={tmp_path}"])


def test_a_table_that_cannot_be_written_is_one_line(finished):
    out, _ = finished
    (out / "ty_table3_marionette").write_text("a file")
    with pytest.raises(InputError, match=r"ty_table3_marionette: cannot be written"):
        tables.main(["--table=ty_table3", f"--out={out}", "--seeds=2", "--so_far"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--table=ty_table33"], "did you mean 'ty_table3'"),
        (["--table=ty_table3", "--scale=tiny"], "marionette, paper"),
        (["--table=ty_table3", "--row=TYY"], "'TYY' is none of this table's rows: 'Baseline'"),
        (["--table=ty_table3", "--row=TY", "--row=T"], "'T' is none of this table's rows"),
        (
            ["--table=ty_table3", "--dry_run", "--config.train.epochs=abc"],
            "'abc' is not of type int",
        ),
        (
            ["--table=ty_table3", "--config.train.epoch=3"],
            r"config\.train\.epoch: no such field; did you mean 'train\.epochs'",
        ),
        (["--table=ty_table3", "--config.train.remat=yes"], "'yes' is not of type bool"),
        (["--table=ty_table3", "--config.data.crop_sizes=(32,"], "is not of type tuple"),
        (["--table=ty_table3", "--config.train.batch_size=0"], "use at least 1"),
        (["--table=ty_table3", "--config.seed=7"], "seed: the table sets it, run by run"),
        (["--table=ty_table3", "--config.data.name=x"], "the table sets it"),
        (["--table=ty_table3", "--config.augment.enabled=True"], "the table sets it"),
        (["--table=ty_table3", "--row=TY", "--config.augment.enabled=False"], "the table sets it"),
        (["--table=ty_table3", "--out=/dev/null/tables"], "--out=.*: cannot be written"),
        (["--table=ty_table3", "--out=t\udcff"], r"--out='.*t\\udcff': the name is not UTF-8 text"),
        (["--table=ty_table3", "--lr=1"], "unexpected argument '--lr=1'"),
        ([], "--table and --out are needed"),
        (["--table=ty_table3", "--so_far", "--row=TY"], "leave --row and --seed out"),
        (["--table=ty_table3", "--so_far", "--seed=1"], "leave --row and --seed out"),
        (["--table=ty_table3", "--seed=3"], "--seed=3: must be 0 to 2; raise --seeds"),
        (["--table=ty_table3", "--seed=-1"], "--seed=-1: must be 0 to 2"),
        (["--table=ty_table3", "--against=TY"], "--against runs nothing: it needs --so_far"),
        (["--table=ty_table3", "--so_far", "--against=YT"], "--against: 'YT' is none of"),
    ],
)
def test_wrong_input(arguments, message, tmp_path):
    has_none = arguments and not any(each.startswith("--out") for each in arguments)
    out = [f"--out={tmp_path}"] if has_none else []
    with pytest.raises(InputError, match=message):
        tables.main([*out, *arguments])
