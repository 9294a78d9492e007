"""In the documents, the flags, settings and configs of commands exist, and so do link targets."""

import contextlib
import functools
import importlib
import io
import re
from pathlib import Path

import pytest

from vidkd_jax.models.__main__ import taps
from vidkd_jax.settings import config_files
from vidkd_jax.settings.config import get_base_config
from vidkd_jax.settings.recipes import DATASETS
from vidkd_jax.settings.settings import flatten
from vidkd_jax.tables.table import available

CHECKOUT = Path(__file__).parents[1]
DOCUMENTS = [*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/*.md")]


def commands(document):
    """Yields every `python -m` command: its module, and its flags as (name, value)."""
    text = document.read_text().replace("\\\n", " ")
    for line in re.findall(r"python -m ([^\n`#]+)", text):
        module, *arguments = line.split()
        flags = [word.removeprefix("--").partition("=") for word in arguments if word[:2] == "--"]
        yield module, [(name, value) for name, _, value in flags]


@functools.cache
def flags_of(module):
    """Returns the flags that a command's --help names."""
    path = f"{module}.__main__" if (CHECKOUT / module.replace(".", "/")).is_dir() else module
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), pytest.raises(SystemExit) as left:
        importlib.import_module(path).main(["--help"])
    assert left.value.code == 0
    return {*re.findall(r"--(\w+)", shown.getvalue())}


def by_name(document):
    return document.relative_to(CHECKOUT).as_posix()


@pytest.mark.parametrize("document", DOCUMENTS, ids=by_name)
def test_commands_and_their_flags_exist(document):
    fields = flatten(get_base_config().to_dict())
    for module, flags in commands(document):
        if module.split(".")[0] not in ("vidkd_jax", "data_prep", "benchmarks"):
            continue
        for name, value in flags:
            if name.startswith("config."):
                assert name.removeprefix("config.") in fields, (module, name)
            elif name == "config":
                check_config(value)
            else:
                assert name in flags_of(module), (module, name)
            if name == "table":
                assert value in available(), value


def check_config(value):
    """Checks that a config and its argument exist; placeholders such as "FILE" always pass."""
    file, _, argument = value.partition(":")
    if file and not file.isupper() and not file.startswith("my_"):
        assert config_files.find(file).is_file()
    is_variable = argument.startswith("$")  # of a loop of the shell
    assert not argument or is_variable or argument in DATASETS, value


@pytest.mark.parametrize("document", DOCUMENTS, ids=by_name)
def test_settings_exist(document):
    fields = flatten(get_base_config().to_dict())
    groups = "|".join({field.partition(".")[0] for field in fields if "." in field})
    for field in re.findall(rf"`(?:--config\.)?((?:{groups})\.\w+)", document.read_text()):
        assert field in fields or field.endswith((".py", ".md", ".json")), field


@pytest.mark.parametrize("document", DOCUMENTS, ids=by_name)
def test_links_go_somewhere(document):
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if target.startswith("http"):
            continue
        path, _, heading = target.partition("#")
        file = document.parent / path if path else document
        assert file.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
            assert heading in {
                re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings
            }


@pytest.mark.parametrize("document", DOCUMENTS, ids=by_name)
def test_blocks_of_examples_are_those_of_the_configs_network(document):
    for block in re.findall(r"--block=(\w+)", document.read_text()):
        assert block in taps("ty_r3d_18")
