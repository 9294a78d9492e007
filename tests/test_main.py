"""The command line: every kind of wrong input gives exit status 2 and one line."""

import errno
import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from data_prep import build
from vidkd_jax import main
from vidkd_jax.errors import DISK_FULL, InputError, is_disk_full
from vidkd_jax.run import workdir
from vidkd_jax.runtime.command import run_command
from vidkd_jax.runtime.interrupts import Stopped
from vidkd_jax.settings.config import get_base_config

CHECKOUT = Path(__file__).parents[1]


def run(*arguments, env=None, timeout=300, cwd=CHECKOUT):
    command = [sys.executable, "-m", "vidkd_jax.main", *map(str, arguments)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), **(env or {})},
    )


@pytest.fixture
def command(monkeypatch, capsys):
    """Returns a function that runs the command in this process, as `run` does in one of its own."""
    monkeypatch.setattr(main, "keep_freed_memory", lambda: None)

    def call(*arguments, env=None, cwd=CHECKOUT):
        monkeypatch.chdir(cwd)
        for name, value in (env or {}).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["main", *map(str, arguments)])
        code = 0
        try:
            run_command(main.main)
        except SystemExit as end:
            code = end.code or 0
        said = capsys.readouterr()
        return subprocess.CompletedProcess(sys.argv, code, said.out, said.err)

    return call


def fails_with_one_line(result, *parts):
    assert result.returncode == 2, result.stderr
    known = ("%|", " classes, videos: ")  # bars, and what a run says before its first step
    lines = filter(None, result.stderr.splitlines())
    errors = [line for line in lines if not any(part in line for part in known)]
    assert len(errors) == 1 and errors[0].startswith("error: "), result.stderr
    for part in parts:
        assert str(part) in result.stderr


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ([], ["--config is missing", "ty_r18, "]),
        (["--config="], ["no such file or name", "valid: ", "ty_r18, "]),
        (["--config"], ["--config: expected one argument"]),
        (["--cofnig=ty_r18"], ["'--cofnig=ty_r18'; did you mean '--config'?"]),
        (["-config=ty_r18"], ["'-config=ty_r18'; did you mean '--config'?"]),
        (["--config=configs/no_such.py"], ["no_such.py", "valid: ", "ty_r18, "]),
        (["--config=ty_r81"], ["--config=ty_r81: ", "did you mean 'ty_r18'?"]),
        (["--config=elsewhere/ty_r18.py"], ["no such file", "did you mean 'ty_r18'?"]),
        (["--config=ty_r18", "--config.optim.lr=1"], ["optim.lr", "no such field"]),
        (["--config=configs/ty_r18.py:ucf"], ["no such data set", "ucf101"]),
        (["--config=configs/ty_r18.py", "--config.train.epoch=1"], ["did you mean 'train.epochs'"]),
        (
            ["--config=configs/ty_r18.py", "--config.train.epochs=ten"],
            ["--config.train.epochs: 'ten' is not of type int"],
        ),
        (
            ["--config=ty_r18", "--config.train.remat=yes"],
            ["--config.train.remat: 'yes' is not of type bool"],
        ),
        (["--config=demo:laptop"], ["demo.py:laptop: this config takes no argument; leave it out"]),
        (
            ["--config=configs/ty_r18.py", "--config.model.name=ty_r3d_8"],
            ["model.name", "ty_r3d_18"],
        ),
        (["--config=configs/ty_r18.py", "--config.method.name=kd"], ["method.name", "supervised"]),
        (["--config=configs/ty_r18.py", "--config.data.crop=200"], ["data.crop", "short_side"]),
        (["--config=configs/ty_r18.py", "--wrkdir=x"], ["--wrkdir", "did you mean '--workdir'?"]),
        (["--config=ty_r18", "--config.seed"], ["--config.seed'", "--config.FIELD=VALUE"]),
        (["--config=ty_r18", "--workdir=w\udcff"], ["w\\udcff': the name is not UTF-8 text"]),
        (
            ["--config=ty_r18", "--config.eval.keep_answers=w\udcff"],
            ["config.eval.keep_answers='w\\udcff': the name is not UTF-8 text; choose another"],
        ),
        (["--config=configs/ty_r18.py", "train"], ["unexpected argument 'train'"]),
    ],
)
def test_wrong_flags(arguments, parts, command):
    fails_with_one_line(command(*arguments), *parts)


def test_a_wrong_flag_ends_the_process_with_status_2():
    fails_with_one_line(run("--config=ty_r81"), "did you mean 'ty_r18'?")


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_is_no_traceback(flag, command):
    result = command(flag)
    assert result.returncode == 0 and not result.stderr
    for text in (
        "usage: python -m vidkd_jax.main",
        "ty_r18, ",
        "hmdb51, ",
        "--config.train.epochs",
    ):
        assert text in result.stdout


COMMANDS = (
    "vidkd_jax.main", "vidkd_jax.predict", "vidkd_jax.tables.__main__", "vidkd_jax.models.__main__",
    "vidkd_jax.convert.__main__", "data_prep.build", "data_prep.check", "data_prep.flow",
    "data_prep.marionette.__main__",
)  # fmt: skip


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("module", COMMANDS)
def test_every_command_has_help(module, flag, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["command", flag])
    with pytest.raises(SystemExit) as end:
        run_command(importlib.import_module(module).main)
    assert end.value.code == 0
    assert "usage: python -m " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argument", "remedy"),
    [
        ("--shortside=64", "; did you mean '--short_side'?"),
        ("--zzz", "; valid: --annotations, "),
        ("Videos", "; put a value with spaces into quotes, as in --flag='a b'"),
    ],
)
def test_an_argument_that_is_no_flag_is_answered_with_what_would_be_right(argument, remedy):
    given = ["--dataset=folder", "--videos=My", argument, "--out=data"]
    with pytest.raises(InputError, match=re.escape(f"unexpected argument '{argument}'{remedy}")):
        build.main(given)


def test_the_users_folder_is_found_in_every_flag(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    given = [
        "command",
        "--out=~/x",
        "--run",
        "~/y",
        "-x=~",
        "~",
        "--name=a~/b",
        "--config=~/c.py:x",
    ]
    monkeypatch.setattr(sys, "argv", given)
    run_command(lambda: None)
    assert sys.argv[1:] == [
        "--out=/home/me/x", "--run", "/home/me/y", "-x=/home/me", "/home/me", "--name=a~/b",
        "--config=/home/me/c.py:x",
    ]  # fmt: skip


def test_a_workdir_in_the_users_folder_makes_no_folder_of_that_name(small_flags, tmp_path, command):
    result = command(
        f"--config={CHECKOUT / 'configs/ty_r18.py'}",
        "--workdir=~/deep/run",
        *small_flags,
        "--config.model.init_from=~/nothing",
        cwd=tmp_path,
        env={"HOME": str(tmp_path / "home")},
    )
    fails_with_one_line(result, f"'{tmp_path / 'home' / 'nothing'}' is no folder")
    assert not (tmp_path / "~").exists()


def test_missing_records_say_how_to_make_them(tmp_path, command):
    result = command("--config=configs/ty_r18.py", env={"VIDKD_DATA": str(tmp_path)})
    fails_with_one_line(result, tmp_path / "ucf101" / "split1", "data_prep.build", ":marionette")


def test_records_of_nearly_that_name_are_named(tmp_path, command):
    (tmp_path / "mine/split1").mkdir(parents=True)
    environment = {"VIDKD_DATA": str(tmp_path)}
    result = command("--config=ty_r18", "--config.data.name=mein", env=environment)
    fails_with_one_line(result, "split1' (did you mean 'mine'?): use the built-in")


def test_wrong_files_are_named_by_their_field(tmp_path, command):
    files = ("--config.data.source=videos", "--config.data.name=folder")
    result = command("--config=ty_r18", *files, f"--config.data.videos={tmp_path / 'none'}")
    fails_with_one_line(result, f"--config.data.videos={tmp_path / 'none'}: there is no such")


def test_an_interrupt_says_what_is_kept(tmp_path, monkeypatch, capsys):
    def stopped(*_, **__):
        raise Stopped

    monkeypatch.setattr(main, "train_and_evaluate", stopped)
    for epochs, said in (((), "no epoch was done"), ((3, 4), "4 of 200 epochs are kept")):
        for epoch in epochs:
            (tmp_path / f"run/checkpoints/latest/{epoch}").mkdir(parents=True)
        with pytest.raises(SystemExit) as end:
            run_command(lambda: main._run(get_base_config(), tmp_path / "run", finish=False))
        line = f"interrupted; {said}; run the same command again to continue\n"
        assert (end.value.code, capsys.readouterr().err) == (143, line)


@pytest.mark.parametrize(
    ("value", "records"),
    [
        ("ty_r18", "ucf101"),
        ("ty_r18:marionette", "marionette"),
        ("ty_r18.py:marionette", "marionette"),
    ],
)
def test_configs_are_found_by_name_from_any_folder(value, records, tmp_path, command):
    result = command(f"--config={value}", cwd=tmp_path, env={"VIDKD_DATA": str(tmp_path)})
    fails_with_one_line(result, f"no records of '{records}'")


def test_a_file_of_the_users_comes_before_ours(tmp_path, command):
    (tmp_path / "ty_r18.py").write_text("import nothing_such")
    fails_with_one_line(command("--config=ty_r18.py", cwd=tmp_path), "nothing_such")


def test_unwritable_workdir(small_flags, command):
    fails_with_one_line(
        command("--config=configs/ty_r18.py", "--workdir=/proc/nowhere", *small_flags),
        "--workdir='/proc/nowhere'",
    )


def test_batch_larger_than_the_data(small_flags, tmp_path, command):
    result = command(
        "--config=configs/ty_r18.py",
        f"--workdir={tmp_path}",
        *small_flags,
        "--config.train.batch_size=64",
    )
    fails_with_one_line(result, "train.batch_size: 64", "8 videos")


def test_truncated_records(small_flags, square_records, tmp_path, command):
    shutil.copytree(square_records, tmp_path / "records")
    for path in (tmp_path / "records").rglob("*.array_record*"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    flags = [flag for flag in small_flags if "data.root" not in flag]
    result = command(
        "--config=configs/ty_r18.py",
        f"--workdir={tmp_path / 'run'}",
        *flags,
        f"--config.data.root={tmp_path / 'records'}",
    )
    fails_with_one_line(result, "records", "data_prep.check")


def test_full_disk_loses_nothing(small_flags, small_disk):
    disk, resize = small_disk
    command = ["--config=configs/ty_r18.py", f"--workdir={disk / 'run'}", *small_flags]
    (disk / "ballast").write_bytes(bytes(2**20 - 2**16))  # of 1 MiB
    fails_with_one_line(run(*command), "no space left on device", "free some")
    resize(50)
    result = run(*command)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dataset.json", "{"),
        ("videos-train.csv", "id,label,group,num_frames,fps,height,width\nv1,0,g1,24,12.0,36,48\n"),
        ("videos-train.csv", "id,label\nv1,0\n"),
    ],
)
def test_damaged_indexes(small_flags, square_records, tmp_path, name, text, command):
    shutil.copytree(square_records, tmp_path / "records")
    (path,) = (tmp_path / "records").rglob(name)
    path.write_text(text)
    flags = [flag for flag in small_flags if "data.root" not in flag]
    result = command(
        "--config=configs/ty_r18.py", *flags, f"--config.data.root={tmp_path / 'records'}"
    )
    fails_with_one_line(result, "cannot be read", "data_prep.check")


def test_records_of_another_size(small_flags, command):
    result = command("--config=configs/ty_r18.py", *small_flags, "--config.data.short_side=40")
    fails_with_one_line(result, "data.short_side: 40", "have 36", "--short_side=40")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("def get_config(:", "SyntaxError"),
        ("x = 1", "get_config"),
        ("import nothing_such", "nothing_such"),
    ],
)
def test_config_files_that_are_none(tmp_path, text, part, command):
    (tmp_path / "mine.py").write_text(text)
    fails_with_one_line(command(f"--config={tmp_path / 'mine.py'}"), "mine.py", part)


def test_the_whole_command(small_flags, tmp_path):
    result = run(
        "--config=configs/ty_r18.py",
        f"--workdir={tmp_path}",
        *small_flags,
        "--config.train.epochs=1",
    )
    assert result.returncode == 0, result.stderr
    assert "Video@1" in result.stdout and "mean over classes" in result.stdout
    assert "chance 50.0 %, always the commonest class 50.0 %" in result.stdout
    assert f"report: {tmp_path / 'report' / 'index.html'}" in result.stdout
    assert f"python -m vidkd_jax.predict --run={tmp_path} " in result.stdout.splitlines()[-1]


def test_a_file_without_permission_is_one_line(capsys):
    def command():
        raise PermissionError(errno.EACCES, "Permission denied", "/private/model.json")

    with pytest.raises(SystemExit) as end:
        run_command(command)
    assert end.value.code == 2
    assert (
        capsys.readouterr().err
        == "error: /private/model.json: Permission denied; give access to it\n"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize(
    ("where", "status", "said"),
    [
        (">/dev/full", 2, "error: what is written: no space left on device; free some and run"),
        (">&-", 0, ""),
    ],
)
def test_a_full_disk_and_a_closed_output_are_no_traceback(where, status, said):
    code = "from vidkd_jax.runtime.command import run_command; run_command(lambda: print('answer'))"
    done = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" -c "{code}" {where}'], capture_output=True, text=True
    )
    assert done.returncode == status and done.stderr.startswith(said)
    assert "Traceback" not in done.stderr and len(done.stderr.splitlines()) == bool(said)


@pytest.mark.parametrize("code", sorted(DISK_FULL))
def test_a_full_disk_or_quota_is_known_by_what_libraries_say(code):
    said = f"OUT_OF_RANGE: Failed to write 9 bytes: {os.strerror(code)} [os_error_code='{code}']"
    assert is_disk_full(ValueError(said)) and not is_disk_full(ValueError("OUT_OF_RANGE: 9"))


@pytest.mark.parametrize(("goes_on", "said"), [(True, "run the same command"), (False, "")])
def test_an_interrupt_says_whether_the_command_goes_on(goes_on, said, capsys):
    def command():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as end:
        run_command(command, goes_on=goes_on)
    assert end.value.code == 1
    line = capsys.readouterr().err
    assert line.startswith("interrupted") and said in line and ("again" in line) == goes_on


def test_a_folder_of_converted_weights_is_no_workdir(tmp_path):
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(InputError, match=r"holds converted weights"):
        workdir.check(tmp_path, get_base_config())


def test_a_command_that_is_told_to_end_says_how_to_go_on(tmp_path):
    script = (
        "import time\nfrom vidkd_jax.runtime.command import run_command\n"
        "def main():\n    print('begun', flush=True)\n    time.sleep(60)\nrun_command(main)"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"begun\n"
        process.terminate()
        _, error = process.communicate(timeout=30)
    assert process.returncode == 143
    assert error == b"interrupted; run the same command again to continue\n"
