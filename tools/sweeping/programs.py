"""Running Git and DVC, and the states of a project in which DVC's experiments fail."""

import os
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from stages.shared.errors import StageError

import yaml
from dvc.repo import Repo

STAGES = ("download", "preprocess", "train", "evaluate")  # the stages of a run
TARGET = STAGES[-1]
NAME = "sweep"  # with which the names of its experiments begin


def call(*command: str, **options: Any) -> str:
    """Run a program and return its output; if it fails, raise a StageError with its errors.

    Ctrl-C does not reach a program that has a new session: it is waited for.
    """
    options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    options |= {"encoding": "utf-8", "errors": "replace"}
    try:
        with subprocess.Popen(command, **options) as process:
            try:
                output, errors = process.communicate()
            except KeyboardInterrupt:
                if options.get("start_new_session"):
                    process.communicate()  # with its pipes closed, it would end
                raise
    except FileNotFoundError:
        raise StageError(f"{command[0]}: not found") from None
    if process.returncode:
        words = textwrap.shorten(shlex.join(command), 80, placeholder=" …")
        raise StageError(f"{words}: {one_line(errors)}")
    return str(output)


def one_line(errors: str) -> str:
    """Return the errors of Git or DVC as a line, without DVC's own words around them."""
    errors = errors.partition("\nHaving any troubles?")[0]
    return " ".join(errors.split()).removeprefix("ERROR: ").removeprefix("unexpected error - ")


def git(*arguments: str) -> str:
    """Run Git as ``call`` does."""
    return call("git", "-c", "core.quotePath=off", *arguments)


def last_error(log: str) -> str:
    """Return the last line of a log, except DVC's own that a stage has failed."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    said = [line for line in lines if not line.startswith("ERROR: failed to reproduce")]
    return (said or lines or [""])[-1].removeprefix("error: ")


def clean_environment() -> None:
    """Let DVC find this environment's programs and the repository of the current folder."""
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for name in git("rev-parse", "--local-env-vars").split():  # set in hooks and aliases of Git
        os.environ.pop(name, None)


def check_project() -> None:
    """Raise a StageError if an experiment would fail here, or would lose its results."""
    git("rev-parse", "--verify", "HEAD")
    for path in git("diff", "--name-only", "--diff-filter=U").splitlines():
        raise StageError(f"{path}: has merge conflicts: resolve them, then git add {path}")
    if git("rev-parse", "--is-shallow-repository").strip() == "true":
        raise StageError("DVC keeps no experiments in a shallow clone: git fetch --unshallow")
    cache = cache_folder()
    if not cache.isascii():
        raise StageError(
            f"{cache}: DVC's queue needs a cache folder with an ASCII path: "
            "dvc cache dir --local FOLDER"
        )
    sources = read_pipeline()["code"]["deps"]
    for path in git("ls-files", "--others", "--exclude-standard", "--", *sources).splitlines():
        raise StageError(f"{path}: Git does not track it, so no run has it: git add {path}")


def cache_folder() -> str:
    """Return the absolute path of DVC's cache."""
    with Repo() as repo:
        return str(repo.cache.local_cache_dir)


def read_pipeline() -> dict[str, Any]:
    """Return the stages in dvc.yaml by their names."""
    stages: dict[str, Any] = yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return stages
