"""Runs on this machine, by DVC's queue."""

import contextlib
import io
import re
import subprocess
import sys
import time
from collections.abc import Collection
from typing import NoReturn

from dvc.cli import main
from tqdm import tqdm

from tools.sweeping.grid import TARGET, Grid, Run
from tools.sweeping.programs import dvc, last_error

POLL_SECONDS = 2.0
SILENT_POLLS = 5  # without an answer from any worker, until all count as dead
INTERRUPTED = 252  # DVC's exit code
ATTEMPTS = 3  # to read the queue
UNFINISHED = ("Queued", "Running")


def execute(
    grid: Grid, missing: Collection[Run], jobs: int, bar: "tqdm[NoReturn]"
) -> dict[Run, str]:
    """Execute runs, and return the last error of each that has no result then."""
    before, _ = _status()
    own = {name: run for run, name in grid.names() if name in before}
    if others := [name for name in before if before[name] in UNFINISHED and name not in own]:
        sys.exit(
            f"error: DVC's queue has runs of something else: {', '.join(others)}: "
            "let them end (dvc queue start), or dvc queue kill and dvc queue remove them"
        )
    running = {name for name in own if before[name] == "Running"}
    if running and not any(_status()[1] for _ in range(SILENT_POLLS)):
        dvc("queue", "kill", *running)
        running = set()
    # a run that was queued before may have had other code
    if old := [name for name in own if name not in running and before[name] != "Success"]:
        dvc("queue", "remove", *old)
    begun = {own[name] for name in running}
    for overrides in grid.calls(run for run in missing if run not in begun):
        _queue(overrides)
    now, _ = _status()
    names = {
        run: name
        for run, name in grid.names()
        if name in running or (name in now and name not in before)
    }
    states = _wait(names.values(), jobs, bar)
    done = grid.results()
    return {run: _failure(names.get(run), states) for run in missing if run not in done}


def _queue(overrides: list[str]) -> None:
    """Queue runs.

    DVC changes the workspace for a moment while it queues a run. It is in a session of its own, so
    that Ctrl-C does not end it in that moment.
    """
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "dvc", "--wait-for-lock", "exp", "run", "--queue"),
            *(f"--set-param={override}" for override in overrides),
            TARGET,
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    interrupt, errors = None, None
    while errors is None:
        try:
            _, errors = process.communicate()
        except KeyboardInterrupt as error:
            interrupt = error
    if interrupt:
        raise interrupt
    if process.returncode:
        sys.exit(f"error: dvc exp run --queue: {' '.join(errors.split())}")


def _wait(names: Collection[str], jobs: int, bar: "tqdm[NoReturn]") -> dict[str, str]:
    """Wait until runs have ended, and return the states of all runs in the queue."""
    if names:
        _start(jobs)
    ended = silent = 0
    while True:
        states, workers = _status()
        left = [name for name in names if states.get(name) in UNFINISHED]
        bar.update(len(names) - len(left) - ended)
        ended = len(names) - len(left)
        if not left:
            return states
        silent = 0 if workers else silent + 1
        if silent > SILENT_POLLS:
            if lost := [name for name in left if states[name] == "Running"]:
                dvc("queue", "kill", *lost)
            _start(jobs)
            silent = 0
        time.sleep(POLL_SECONDS)


def _start(jobs: int) -> None:
    """Start workers, without a pipe, because they would keep it open."""
    command = [sys.executable, "-m", "dvc", "queue", "start", "--quiet", "--jobs", str(jobs)]
    if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
        sys.exit(1)  # DVC has written the error


def _status() -> tuple[dict[str, str], int]:
    """Return the state of each run in DVC's queue by its name, and the number of workers."""
    for _ in range(ATTEMPTS):
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            code = main(["queue", "status"])  # in this process, as it is called again and again
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        if not code:
            break
        time.sleep(POLL_SECONDS)  # DVC fails if it reads a file that a worker is writing
    else:
        sys.exit(1)  # DVC has written the error
    rows = re.findall(r"^\w{7} +(\S+) .* (\w+) *$", text.getvalue(), re.MULTILINE)
    return dict(rows), sum(map(int, re.findall(r"(\d+) (?:active|idle)", text.getvalue())))


def _failure(name: str | None, states: dict[str, str]) -> str:
    if name is None or states.get(name) != "Failed":
        return "ended without a result of the present code and data"
    command = [sys.executable, "-m", "dvc", "queue", "logs", name, "--encoding", "utf-8"]
    logs = subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    return last_error(logs.stdout) or " ".join(logs.stderr.split())
