"""Runs as the tasks of a Slurm array: Slurm queues, places, limits and accounts.

A task reads the project from a Git remote and its data from a DVC remote, and pushes its experiment
to both. ``sbatch`` reads more options from its environment: ``SBATCH_PARTITION``,
``SBATCH_TIMELIMIT`` and so on.
"""

import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from dvc.repo import Repo

from tools.sweeping.local import last_line
from tools.sweeping.runs import TARGET, Run, Workspace, call, fetch, find, git

FOLDER = Path(".dvc/tmp/slurm")  # a file of names for each array, and a log for each task
SCRIPT = Path(__file__).with_name("task.slurm")
LARGEST_ARRAY = 1000  # by Slurm's own MaxArraySize
POLL_SECONDS = 5.0
Task = tuple[str, int]  # the number of an array, and of a task in it


class Cluster:
    """Slurm, as a queue of runs.

    Parameters
    ----------
    workspace
    remote : str
        Git's
    jobs : int or None
        tasks at a time, or as many as Slurm gives
    """

    def __init__(self, workspace: Workspace, remote: str, jobs: int | None) -> None:
        self._workspace = workspace
        self._remote = remote
        self._jobs = jobs
        self._tasks: dict[str, Task] = {}  # of each run that has not ended

    def put(self, runs: Sequence[Run]) -> None:
        """Submit runs, except those that are among the tasks of Slurm already."""
        earlier = _read_tasks()
        self._tasks |= {run.name: earlier[run.name] for run in runs if run.name in earlier}
        if new := [run for run in runs if run.name not in earlier]:
            self._submit(new)

    def wait(self) -> dict[str, str]:
        """Wait until runs end; return the last line of each, empty unless it has failed."""
        ended: dict[str, str] = {}
        while not ended:
            time.sleep(POLL_SECONDS)
            left = _list_tasks()  # before the results: the last task may end with some
            fetch(self._workspace, self._remote)
            done = find(self._workspace)
            for name, task in self._tasks.items():
                if name in done:
                    ended[name] = ""
                elif left is not None and task not in left:
                    log = FOLDER / f"{task[0]}_{task[1]}.out"
                    ended[name] = last_line(log) or f"ended before it wrote {log}"
        for name in ended:
            del self._tasks[name]
        return ended

    def _submit(self, runs: list[Run]) -> None:
        cache = _check(self._workspace, self._remote)
        repository = git("ls-remote", "--get-url", self._remote).strip()
        FOLDER.mkdir(parents=True, exist_ok=True)
        limit = f"%{self._jobs}" if self._jobs else ""
        for start in range(0, len(runs), LARGEST_ARRAY):
            part = runs[start : start + LARGEST_ARRAY]
            array = call(
                *("sbatch", "--parsable", f"--array=0-{len(part) - 1}{limit}"),
                *(f"--output={FOLDER}/%A_%a.out", str(SCRIPT)),
                *(repository, self._workspace.commit, cache, TARGET),
                *(_quote(run) for run in part),
            )
            number = array.strip().partition(";")[0]
            names = [run.name for run in part]
            (FOLDER / f"{number}.txt").write_text("\n".join(names))
            self._tasks |= {name: (number, task) for task, name in enumerate(names)}


def _check(workspace: Workspace, remote: str) -> str:
    """Check that tasks find the commit, and push its data; return the folder of DVC's cache."""
    if workspace.changes:
        sys.exit("error: the tasks of a cluster run a commit, and there are changes: commit them")
    holds = git("branch", "--remotes", "--contains", workspace.commit, "--list", f"{remote}/*")
    if not holds:
        sys.exit(f"error: {remote}: does not have this commit: git push {remote} HEAD")
    with Repo() as repo:
        if not repo.config["core"].get("remote"):
            sys.exit("error: .dvc/config: names no remote: dvc remote add --default NAME ADDRESS")
        cache: str = repo.cache.local_cache_dir
    call(sys.executable, "-m", "dvc", "push", "--quiet")
    return cache


def _quote(run: Run) -> str:
    return shlex.join([run.name, *(f"--set-param={override}" for override in run.overrides)])


def _read_tasks() -> dict[str, Task]:
    """Return the tasks of earlier arrays that have not ended, by the names of their runs."""
    if (left := _list_tasks()) is None:
        sys.exit("error: squeue: no answer from Slurm")
    tasks = {
        name: (path.stem, task)
        for path in FOLDER.glob("*.txt")
        for task, name in enumerate(path.read_text().splitlines())
    }
    return {name: task for name, task in tasks.items() if task in left}


def _list_tasks() -> set[Task] | None:
    """Return the tasks that wait or run, or nothing while Slurm's controller does not answer."""
    command = ("squeue", "--me", "--array", "--noheader", "--format=%F %K")
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        sys.exit("error: squeue: not found, and Slurm with it")
    if done.returncode:
        return None
    pairs = [line.split() for line in done.stdout.splitlines()]
    return {(array, int(task)) for array, task in pairs if task.isdigit()}
