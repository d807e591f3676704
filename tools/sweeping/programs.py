"""Running Git and DVC, and the states of a project in which DVC's experiments fail."""

import os
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import yaml
from dvc.repo import Repo


def call(*command: str) -> str:
    """Run a program and return its output; if it fails, exit with its errors."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False
        )
    except FileNotFoundError:
        sys.exit(f"error: {command[0]}: not found")
    if done.returncode:
        words = textwrap.shorten(shlex.join(command), 80, placeholder=" …")
        sys.exit(f"error: {words}: {' '.join(done.stderr.split())}")
    return done.stdout


def git(*arguments: str) -> str:
    """Run Git as ``call`` does."""
    return call("git", "-c", "core.quotePath=off", *arguments)


def dvc(*arguments: str) -> str:
    """Run DVC as ``call`` does."""
    return call(sys.executable, "-m", "dvc", *arguments)


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
    """Exit if an experiment would fail here, or would lose its results."""
    git("rev-parse", "--verify", "HEAD")
    for path in git("diff", "--name-only", "--diff-filter=U").splitlines():
        sys.exit(f"error: {path}: has merge conflicts: resolve them, then git add {path}")
    if git("rev-parse", "--is-shallow-repository").strip() == "true":
        sys.exit("error: DVC keeps no experiments in a shallow clone: git fetch --unshallow")
    with Repo() as repo:
        cache: str = repo.cache.local_cache_dir
    if not cache.isascii():
        sys.exit(
            f"error: {cache}: DVC's queue needs a cache folder with an ASCII path: "
            "dvc cache dir --local FOLDER"
        )
    for path in git("ls-files", "--others", "--exclude-standard", "--", *_sources()).splitlines():
        sys.exit(f"error: {path}: Git does not track it, so no run has it: git add {path}")


def read_pipeline() -> dict[str, Any]:
    """Return the stages in dvc.yaml, with the paths of all outputs as ``outs``."""
    stages: dict[str, Any] = yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"]
    for stage in stages.values():
        stage.setdefault("deps", [])
        outs = [*stage.get("outs", []), *stage.get("metrics", []), *stage.get("plots", [])]
        stage["outs"] = [out if isinstance(out, str) else next(iter(out)) for out in outs]
    return stages


def _sources() -> list[str]:
    """Return the files and folders that a stage depends on and no stage writes."""
    stages = read_pipeline().values()
    outs = [Path(out) for stage in stages for out in stage["outs"]]
    read = {path for stage in stages for path in stage["deps"]}
    return sorted(path for path in read if not any(map(Path(path).is_relative_to, outs)))
