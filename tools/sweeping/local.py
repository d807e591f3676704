"""Runs on this machine, by DVC's queue."""

import contextlib
import io
import re
import subprocess
import sys
import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import psutil
from dvc.cli import main
from tqdm import tqdm

from tools.sweeping.grid import TARGET, Grid, Run
from tools.sweeping.programs import call, last_error, one_line

POLL_SECONDS = 2.0
INTERRUPTED = 252  # DVC's exit code
ATTEMPTS = 5  # to read the queue, and to find a worker until others are started
WORKER = "queue-worker"  # the command of DVC that a worker runs
UNFINISHED = ("Queued", "Running")


def execute(
    grid: Grid, missing: Collection[Run], jobs: int, bar: "tqdm[NoReturn]"
) -> dict[Run, str]:
    """Execute runs, and return the last error of each that has no result then."""
    before = _read_queue()
    own = {row["Experiment"]: run for run, row in grid.experiments()}
    if others := [name for name in before if before[name] in UNFINISHED and name not in own]:
        sys.exit(
            f"error: DVC's queue has runs of something else: {', '.join(others)}: "
            "let them end (dvc queue start), or dvc queue kill and dvc queue remove them"
        )
    own = {name: run for name, run in own.items() if name in before}
    running = _end_lost([name for name in own if before[name] == "Running"])
    # a run that was queued before may have had other code
    if old := [name for name in own if name not in running and before[name] != "Success"]:
        call("dvc", "queue", "remove", *old)
    begun = {own[name] for name in running}
    for overrides in grid.calls(run for run in missing if run not in begun):
        _queue(overrides)
    waited = {*running, *(_read_queue().keys() - before)}
    rows = grid.experiments()
    names = {run: row["Experiment"] for run, row in rows if row["Experiment"] in waited}
    states = _wait(names.values(), jobs, bar)
    done = grid.results()
    return {run: _failure(names.get(run), states) for run in missing if run not in done}


def _queue(overrides: list[str]) -> None:
    """Queue runs.

    DVC changes the workspace for a moment while it queues a run. Ctrl-C does not end it in that
    moment, but this process after it, which waits for its thread.
    """
    words = ("dvc", "--wait-for-lock", "exp", "run", "--queue", TARGET)
    with ThreadPoolExecutor() as pool:
        options = (f"--set-param={override}" for override in overrides)
        pool.submit(call, *words, *options, apart=True).result()


def _wait(names: Collection[str], jobs: int, bar: "tqdm[NoReturn]") -> dict[str, str]:
    """Wait until runs have ended, and return the states of all runs in the queue."""
    if names:
        _start(jobs)
    ended = silent = 0
    while True:
        states = _read_queue()
        left = [name for name in names if states.get(name) in UNFINISHED]
        bar.update(len(names) - len(left) - ended)
        ended = len(names) - len(left)
        if not left:
            return states
        silent = 0 if _has_worker() else silent + 1
        if silent > ATTEMPTS:
            _end_lost([name for name in left if states[name] == "Running"])
            _start(jobs)
            silent = 0
        time.sleep(POLL_SECONDS)


def _start(jobs: int) -> None:
    """Start workers, without a pipe, because they would keep it open."""
    command = ["dvc", "queue", "start", "--quiet", f"--jobs={jobs}"]
    if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
        sys.exit(1)  # DVC has written the error


def _end_lost(running: list[str]) -> list[str]:
    """Return the runs if a worker is alive; else let DVC's queue know that they have ended."""
    if not running or _has_worker():
        return running
    command = ["dvc", "queue", "kill", *running]  # fails if one of them has ended meanwhile
    subprocess.run(command, capture_output=True, check=False)
    return []


def _has_worker() -> bool:
    """Return whether a worker of DVC's queue runs here; on a busy machine, few answer in time."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):  # its folder may be gone
            if WORKER in process.cmdline() and Path(process.cwd()).samefile(Path.cwd()):
                return True
    return False


def _read_queue() -> dict[str, str]:
    """Return the state of each run in DVC's queue by its name."""
    for _ in range(ATTEMPTS):
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            code = main(["queue", "status"])  # in this process, as it is called again and again
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        if not code:
            return dict(re.findall(r"^\w{7} +(\S+) .* (\w+) *$", text.getvalue(), re.MULTILINE))
        time.sleep(POLL_SECONDS)  # DVC fails if it reads a file that a worker is writing
    sys.exit(1)  # DVC has written the error


def _failure(name: str | None, states: dict[str, str]) -> str:
    if name is None or states.get(name) != "Failed":
        return "ended without a result of the present code"
    command = ["dvc", "queue", "logs", name, "--encoding", "utf-8"]
    logs = subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    return last_error(logs.stdout) or one_line(logs.stderr)
