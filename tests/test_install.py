"""The environment, as the Makefile sets it up."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT

needs_make = pytest.mark.skipif(sys.platform == "win32", reason="make is for Linux and macOS")
TOOLS = ("sh", "make", "cat", "git", "rm", "sed", "touch")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the Makefile, the locks, and no environment."""
    folder = tmp_path / "the näxt one"
    shutil.copytree(ROOT / "requirements", folder / "requirements")
    shutil.copy(ROOT / "Makefile", folder)
    return folder


def make(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments],  # noqa: S607
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def made(folder: Path, **environment: str) -> float:
    """Set up the environment, run tqdm in it, and return the time at which it was made."""
    done = make(folder, "install", **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    subprocess.run([folder / ".venv/bin/tqdm", "--version"], stdout=subprocess.DEVNULL, check=True)
    return (folder / ".venv/pyvenv.cfg").stat().st_mtime


def without_uv(folder: Path) -> str:
    """Return a search path with the tools that make needs, and without uv."""
    programs = folder / "some programs"
    programs.mkdir()
    for name in TOOLS:
        program = shutil.which(name)
        assert program
        (programs / name).symlink_to(program)
    (programs / "my python").symlink_to(sys.executable)
    return str(programs)


@needs_make
def test_an_environment_is_made_again_only_if_it_is_moved_or_incomplete(project: Path) -> None:
    lock = project / "requirements/run.txt"
    [tqdm] = re.findall(r"^tqdm==.*?(?=^\S)", lock.read_text(), re.MULTILINE | re.DOTALL)
    lock.write_text(tqdm, encoding="utf-8")  # one package, so that an install is short
    first = made(project, LC_ALL="C")
    assert made(project) == first
    moved = project.rename(project.with_name("another"))
    second = made(moved)
    assert second > first
    (moved / ".venv/place").unlink()  # as if the install was interrupted
    third = made(moved)
    assert third > second
    (moved / "requirements/run.txt").touch()
    assert made(moved) > third


@needs_make
@pytest.mark.parametrize(
    ("python", "message"),
    [
        ("import sys; sys.version_info = (3, 10)", "is too old, must be 3.11 or newer"),
        ("import sys; sys.modules['ensurepip'] = None", "install the package python3-venv, or uv"),
    ],
)
def test_a_python_that_cannot_make_one_is_named_in_a_line(
    project: Path, python: str, message: str
) -> None:
    (project / "sitecustomize.py").write_text(python)
    path = without_uv(project.parent)
    done = make(project, "install", PATH=path, PYTHON=f"{path}/my python", PYTHONPATH=str(project))
    assert done.returncode != 0
    error, of_make = done.stderr.splitlines()
    assert error.startswith("error: ")
    assert message in error
    assert re.match(r"make(\[\d+\])?: ", of_make)  # numbered where make runs the tests


@needs_make
def test_the_reason_of_a_failed_install_is_shown(project: Path) -> None:
    (project / "requirements/run.txt").write_text("dvc==3.67.1 --hash=sha256:" + 64 * "0")
    done = make(project, "install")
    assert done.returncode != 0
    assert "hash" in done.stderr.lower()
    assert not (project / ".venv/place").exists()


def test_dvc_imports_is_installed_alone(tmp_path: Path) -> None:
    source, lib = tmp_path / "dvc_imports", tmp_path / "lib"
    shutil.copytree(ROOT / "dvc_imports", source)  # a build leaves files beside it
    install = [sys.executable, "-m", "uv", "pip", "install", "--no-deps"]
    command = [*install, "--target", str(lib), str(source)]
    subprocess.run(command, check=True, env=os.environ | {"UV_SYSTEM_CERTS": "1"})
    done = subprocess.run(
        [sys.executable, "-m", "dvc_imports", "check", "--help"],
        cwd=lib,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout.startswith("usage: dvc-imports check")
