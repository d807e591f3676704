"""Runs as the tasks of a Slurm array: Slurm queues, places, limits and accounts.

A task reads the project from the Git remote ``origin`` and its data from a DVC remote, and pushes
its experiment to both. ``sbatch`` reads more options from its environment: ``SBATCH_PARTITION``,
``SBATCH_TIMELIMIT`` and so on.
"""

import json
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import NoReturn

from dvc.repo import Repo
from tqdm import tqdm

from tools.sweeping.grid import TARGET, Grid, Run
from tools.sweeping.programs import cache_folder, call, git, last_error

FOLDER = Path(".dvc/tmp/slurm")  # a file of runs for each array, and a log for each task
SCRIPT = Path(__file__).with_name("task.slurm")
LARGEST_ARRAY = 1000  # by Slurm's own MaxArraySize
POLL_SECONDS = 5.0
Task = tuple[str, int]  # the number of an array, and of a task in it


def execute(
    grid: Grid, missing: Collection[Run], jobs: int | None, bar: "tqdm[NoReturn]"
) -> dict[Run, str]:
    """Execute runs, and return the last error of each that has no result then."""
    while (earlier := _list_tasks()) is None:
        time.sleep(POLL_SECONDS)
    fetch()  # what tasks that have ended by now have pushed
    done = grid.results()
    missing = [run for run in missing if run not in done]
    bar.update(len(done) - bar.n)
    commit = git("rev-parse", "HEAD").strip()
    texts = {_identify(run, commit): run for run in missing}
    tasks = {
        texts[text]: (path.stem, number)
        for path in FOLDER.glob("*.json")
        for number, text in enumerate(json.loads(path.read_text(encoding="utf-8")))
        if text in texts and (path.stem, number) in earlier
    }
    if new := [run for run in missing if run not in tasks]:
        tasks |= _submit(new, jobs, commit)
    ended = 0
    while ended < len(tasks):
        time.sleep(POLL_SECONDS)
        if (left := _list_tasks()) is not None:
            now = sum(task not in left for task in tasks.values())
            bar.update(now - ended)
            ended = now
    fetch()
    done = grid.results()
    logs = {run: FOLDER / f"{array}_{task}.out" for run, (array, task) in tasks.items()}
    return {run: _failure(log) for run, log in logs.items() if run not in done}


def fetch() -> None:
    """Fetch the experiments on the present commit, without the files in DVC's cache."""
    commit = git("rev-parse", "HEAD").strip()
    pattern = f"refs/exps/{commit[:2]}/{commit[2:]}/*"
    refs = f"+{pattern}:{pattern}"
    git("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "origin", refs)


def check() -> None:
    """Exit if the tasks would not find Slurm, the commit or the data."""
    if not shutil.which("sbatch"):
        sys.exit("error: --on slurm: sbatch: not found: it needs a machine with Slurm")
    if _list_tasks() is None:
        sys.exit("error: --on slurm: squeue: no answer from Slurm")
    if git("status", "--porcelain", "--untracked-files=no"):
        sys.exit("error: --on slurm: runs a commit, and there are changes: commit them")
    if not git("branch", "--remotes", "--contains", "HEAD", "--list", "origin/*"):
        sys.exit("error: --on slurm: origin does not have this commit: git push origin HEAD")
    with Repo() as repo:
        if not repo.config["core"].get("remote"):
            sys.exit("error: .dvc/config: names no remote: dvc remote add --default NAME ADDRESS")


def _identify(run: Run, commit: str) -> str:
    return " ".join((commit, *run.overrides))


def _submit(runs: list[Run], jobs: int | None, commit: str) -> dict[Run, Task]:
    call("dvc", "push", "--quiet")
    repository = git("ls-remote", "--get-url", "origin").strip()
    arguments = (str(SCRIPT), repository, commit, cache_folder(), TARGET)
    limit = f"%{jobs}" if jobs else ""
    FOLDER.mkdir(parents=True, exist_ok=True)
    tasks: dict[Run, Task] = {}
    for start in range(0, len(runs), LARGEST_ARRAY):
        part = runs[start : start + LARGEST_ARRAY]
        array = call(
            *("sbatch", "--parsable", f"--output={FOLDER}/%A_%a.out"),
            *(f"--array=0-{len(part) - 1}{limit}", *arguments),
            *(shlex.join(f"--set-param={o}" for o in run.overrides) for run in part),
        )
        number = array.strip().partition(";")[0]
        texts = json.dumps([_identify(run, commit) for run in part])
        (FOLDER / f"{number}.json").write_text(texts, encoding="utf-8")
        tasks |= {run: (number, task) for task, run in enumerate(part)}
    return tasks


def _list_tasks() -> set[Task] | None:
    """Return the tasks that wait or run, or nothing while Slurm's controller does not answer."""
    command = ("squeue", "--me", "--array", "--noheader", "--format=%F %K")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    pairs = (line.split() for line in done.stdout.splitlines())
    return {(array, int(task)) for array, task in pairs if task.isdecimal()}


def _failure(log: Path) -> str:
    if not log.exists():
        return f"ended before it wrote {log}"
    return last_error(log.read_text(encoding="utf-8", errors="replace")) or f"{log}: is empty"
