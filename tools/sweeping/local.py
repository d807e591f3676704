"""Runs through DVC's queue on this machine.

DVC changes the workspace and restores it for each run that it queues, and a kill in between leaves
it changed. The queue is therefore in a clone of the project that belongs to the sweep: the user's
files are not touched, and the remains of a killed sweep are deleted. The clone uses the project's
cache, and so a run that has been trained before is not trained again.
"""

import contextlib
import fcntl
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from stages.shared.paths import PARAMETERS

import psutil
from dvc.config import Config
from dvc.lock import LockError
from dvc.repo import Repo

from tools.sweeping.runs import TARGET, Run, Workspace, fetch, find, git

FOLDER = Path(".dvc/tmp/sweep")
DATA = "preprocess"  # the stage whose results all runs share
LINKS = "hardlink,symlink"
POLL_SECONDS = 1.0
START_SECONDS = 10.0  # until a worker has started
AHEAD = 2  # runs in the queue for each that runs
WORKER = "queue-worker"


class Queue:
    """DVC's queue in a clone of the project."""

    def __init__(self, workspace: Workspace, jobs: int) -> None:
        self._workspace = workspace
        self._jobs = jobs
        self._coming: deque[Run] = deque()
        self._waiting: dict[str, str] = {}  # from names to DVC's revisions
        self._started = -START_SECONDS

    @cached_property
    def _repo(self) -> Repo:
        _make_clone(self._workspace)
        return Repo(FOLDER)

    def put(self, runs: Sequence[Run]) -> None:
        """Accept runs, to be queued one after another."""
        self._coming += runs

    def _feed(self) -> None:
        """Queue the next runs, and few ahead: DVC is slower the longer its queue is."""
        while self._coming and len(self._waiting) < AHEAD * self._jobs:
            run = self._coming.popleft()
            self._waiting[run.name] = self._queue(run)
            self._start()

    def _queue(self, run: Run) -> str:
        experiments = self._repo.experiments
        options = {"targets": [TARGET], "params": {str(PARAMETERS): [*run.overrides]}}
        while True:
            try:
                with contextlib.chdir(self._repo.root_dir):
                    entry = experiments.queue_one(
                        experiments.celery_queue, name=run.name, **options
                    )
            except LockError:  # held by a worker that takes a run
                time.sleep(POLL_SECONDS)
            else:
                return str(entry.stash_rev)

    def _start(self) -> None:
        """Start the workers that are missing: a worker ends when it finds the queue empty."""
        jobs = min(self._jobs, len(self._waiting) + len(self._coming))
        if time.monotonic() - self._started < START_SECONDS or len(_processes(WORKER)) >= jobs:
            return
        _dvc("queue", "start", "--jobs", str(jobs))
        self._started = time.monotonic()

    def wait(self) -> dict[str, str]:
        """Wait until runs end; return the last line of each, empty unless it has failed."""
        ended: dict[str, str] = {}
        while not ended:
            self._feed()
            time.sleep(POLL_SECONDS)
            workers = _processes(WORKER)  # before the results, which the last may leave
            done = find(self._workspace, self._repo.root_dir)
            ended |= {name: "" for name in self._waiting if name in done}
            ended |= {
                name: line
                for name, key in self._waiting.items()
                if name not in done and (line := self._failure(key))
            }
            if any(not line for line in ended.values()):
                fetch(self._workspace, self._repo.root_dir)
            if any(self._repo.experiments.celery_queue.iter_queued()):
                self._start()
            elif not workers:
                lost = self._waiting.keys() - ended
                ended |= dict.fromkeys(lost, "ended with its worker, and without a result")
        for name in ended:
            del self._waiting[name]
        return ended

    def _failure(self, key: str) -> str:
        process = self._repo.experiments.celery_queue.proc.get(key)
        if process is None or not process.returncode:
            return ""
        return last_line(Path(process.stdout)) or f"ended with exit code {process.returncode}"


@contextlib.contextmanager
def open_queue(workspace: Workspace, jobs: int) -> Iterator[Queue]:
    """Open a queue; on exit, end its processes and remove it."""
    FOLDER.parent.mkdir(parents=True, exist_ok=True)
    with FOLDER.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.exit(f"error: {FOLDER}: another sweep is running")
        try:
            _discard()  # of a sweep that was killed
            yield Queue(workspace, jobs)
        finally:
            _discard()


def _make_clone(workspace: Workspace) -> None:
    """Clone the project with its present changes, and make the data that all runs share."""
    git("clone", "--quiet", "--shared", "--no-checkout", ".", str(FOLDER))
    git("-C", str(FOLDER), "checkout", "--quiet", "--detach", workspace.snapshot)
    git("-C", str(FOLDER), "reset", "--quiet", "--soft", workspace.commit)
    with Repo() as repo, Config(FOLDER / ".dvc").edit("local") as settings:
        settings["cache"] |= {"dir": repo.cache.local_cache_dir, "type": LINKS}
        # where DVC keeps a database for each folder of a run
        settings["core"]["site_cache_dir"] = str((FOLDER / ".dvc/tmp").resolve())
    _dvc("repro", "--quiet", DATA)


def _discard() -> None:
    """End the processes of the clone, which outlive a killed sweep, and remove it."""
    while processes := _processes(WORKER, "queue", "exec-run"):
        for process in processes:
            with contextlib.suppress(psutil.Error):
                for child in process.children(recursive=True):
                    child.kill()
                process.kill()
        psutil.wait_procs(processes)
    shutil.rmtree(FOLDER, ignore_errors=True)


def _processes(*commands: str) -> list[psutil.Process]:
    """Find DVC's processes in the clone by their commands."""
    folder, found = FOLDER.resolve(), []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if {*commands} & {*process.cmdline()} and Path(process.cwd()).is_relative_to(folder):
                found.append(process)
    return found


def _dvc(*arguments: str) -> None:
    """Run DVC in the clone; if it fails, exit with its last line."""
    log = FOLDER.with_suffix(".log")
    with log.open("w") as file:  # and no pipe: a worker would hold it open
        command = [sys.executable, "-m", "dvc", *arguments]
        done = subprocess.run(command, cwd=FOLDER, stdout=file, stderr=file, check=False)
    if done.returncode:
        sys.exit(f"error: dvc {' '.join(arguments)}: {last_line(log)}")


def last_line(log: Path) -> str:
    """Return the last line of a log, or the last error of a stage where there is one."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (errors or lines or [""])[-1]
