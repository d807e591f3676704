"""Runs as the tasks of a Slurm array: Slurm queues, places, limits and accounts.

A task reads the project from the Git remote ``origin`` and its data from a DVC remote, and pushes
its experiment to both. ``sbatch`` reads more options from its environment: ``SBATCH_PARTITION``,
``SBATCH_TIMELIMIT`` and so on.
"""

import shlex
import subprocess
import time
from collections.abc import Collection
from pathlib import Path

from stages.shared.errors import StageError

from dvc.repo import Repo

from tools.sweeping.grid import Run, set_params
from tools.sweeping.programs import NAME, TARGET, cache_folder, call, git, last_error

FOLDER = Path(".dvc/tmp/slurm")  # a log for each task
SCRIPT = Path(__file__).with_name("task.slurm")


class Slurm:
    """A cluster, and this user's tasks for the present commit, whichever sweep submitted them."""

    POLL_SECONDS = 5.0

    def __init__(self, jobs: int | None) -> None:
        self._limit = f"%{jobs}" if jobs else ""
        self._commit = git("rev-parse", "HEAD").strip()
        self._name = f"{NAME}-{self._commit[:12]}"
        self.STOP = f"scancel --name={self._name}"
        self._squeue = ("squeue", "--me", f"--name={self._name}", "--array", "--noheader")
        call(*self._squeue)
        _check()
        self._fetch()

    def submit(self, runs: Collection[Run]) -> dict[Run, str]:
        """Submit an array of runs, and return the name of each task's log."""
        call("dvc", "push", "--quiet")
        repository = git("ls-remote", "--get-url", "origin").strip()
        FOLDER.mkdir(parents=True, exist_ok=True)
        array = call(
            *("sbatch", "--parsable", f"--job-name={self._name}", f"--output={FOLDER}/%A_%a.out"),
            *(f"--array=0-{len(runs) - 1}{self._limit}", str(SCRIPT)),
            *(repository, self._commit, cache_folder(), TARGET),
            *(shlex.join(set_params(run.setting, [run.seed])) for run in runs),
        )
        number = array.strip().partition(";")[0]
        return {run: f"{number}_{task}.out" for task, run in enumerate(runs)}

    def left(self) -> int:
        """Return the number of tasks that wait or run, once Slurm's controller answers."""
        while (done := subprocess.run(self._squeue, capture_output=True, check=False)).returncode:
            time.sleep(self.POLL_SECONDS)
        if not done.stdout:
            self._fetch()
        return len(done.stdout.splitlines())

    def last_error(self, name: str) -> str:
        """Return the last error of a task that has left no result."""
        log = FOLDER / name
        text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        return last_error(text) or f"ended before it wrote to {log}"

    def _fetch(self) -> None:
        """Fetch the experiments on the present commit, without the files in DVC's cache."""
        pattern = f"refs/exps/{self._commit[:2]}/{self._commit[2:]}/*"
        options = ("--quiet", "--no-tags", "--no-write-fetch-head")
        git("fetch", *options, "origin", f"+{pattern}:{pattern}")


def _check() -> None:
    """Raise a StageError if the tasks would not find the commit or the data."""
    if git("status", "--porcelain", "--untracked-files=no"):
        raise StageError("--on slurm: runs a commit, and there are changes: commit them")
    if not git("branch", "--remotes", "--contains", "HEAD", "--list", "origin/*"):
        raise StageError("--on slurm: origin does not have this commit: git push origin HEAD")
    with Repo() as repo:
        if not repo.config["core"].get("remote"):
            raise StageError(".dvc/config: names no remote: dvc remote add --default NAME ADDRESS")
