"""The wheel has the right content and works without a checkout."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import vidkd_jax

CHECKOUT = Path(__file__).parents[1]
PARTS = ("setup.py", "pyproject.toml", "LICENSE", "vidkd_jax", "data_prep", "configs")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the files that `pip install` unpacks from a wheel of this checkout."""
    source, wheels, site = (tmp_path_factory.mktemp(name) for name in ("source", "wheels", "site"))
    for part in map(CHECKOUT.joinpath, PARTS):
        copy = shutil.copytree if part.is_dir() else shutil.copy
        copy(part, source / part.name)
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(wheels)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    (wheel,) = wheels.iterdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def run(site, *arguments, cwd):
    """Runs a program of the wheel, which cannot find the checkout, and returns its output."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(site), "VIDKD_DATA": str(cwd)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.stdout + done.stderr


def test_the_version_is_the_packages(installed):
    (metadata,) = installed.glob("*.dist-info/METADATA")
    assert f"\nVersion: {vidkd_jax.__version__}\n" in metadata.read_text()


def test_every_module_and_every_config_travels(installed):
    for package in ("vidkd_jax", "data_prep"):
        for path in sorted((CHECKOUT / package).rglob("*.py")):
            assert (installed / path.relative_to(CHECKOUT)).is_file(), path
        assert (installed / package / "py.typed").is_file()
    ours, theirs = CHECKOUT / "configs", installed / "vidkd_jax" / "configs"
    files = [{path.relative_to(top) for path in top.rglob("*.py")} for top in (ours, theirs)]
    assert files[0] == files[1]


def test_names_are_the_wheels_own_files(installed, tmp_path):
    program = "from vidkd_jax.settings import config_files; print(config_files.find('ty_r18'))"
    found = run(installed, "-c", program, cwd=tmp_path)
    assert found.strip() == str(installed / "vidkd_jax" / "configs" / "ty_r18.py")


def test_a_config_by_name(installed, tmp_path):
    said = run(installed, "-m", "vidkd_jax.main", "--config=ty_r18:marionette", cwd=tmp_path)
    assert said.startswith("error: no records of 'marionette'"), said


def test_tables_are_there(installed, tmp_path):
    said = run(installed, "-m", "vidkd_jax.tables", "--list", cwd=tmp_path)
    assert "ty_table3: " in said
