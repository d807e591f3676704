"""Runs on this machine, by DVC's queue."""

import contextlib
import io
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from stages.shared.errors import StageError

import psutil
from dvc.cli import main

from tools.sweeping.grid import Grid, Run, set_params
from tools.sweeping.programs import NAME, TARGET, call, last_error

INTERRUPTED = 252  # DVC's exit code
TRIES = 5  # of reading the queue
SILENT = 5  # times that no worker is found until others are started
WORKER = "queue-worker"  # the command of DVC that a worker runs


class Queue:
    """DVC's queue of experiments. Its workers execute all runs in it, whoever has queued them."""

    POLL_SECONDS = 2.0
    STOP = "dvc queue stop --kill"

    def __init__(self, grid: Grid, jobs: int | None) -> None:
        self._grid = grid
        self._jobs = jobs or os.cpu_count() or 1
        self._states: dict[str, str] = {}
        self._silent = SILENT

    def submit(self, runs: Sequence[Run]) -> dict[Run, str]:
        """Queue runs, start workers, and return the name of each run.

        DVC changes the workspace for a moment while it queues a run. On POSIX, Ctrl-C does not
        reach it.
        """
        seeds: dict[Sequence[str], list[int]] = {}
        for run in runs:
            seeds.setdefault(run.setting, []).append(run.seed)
        if runs == self._grid.runs:  # in one call
            seeds = {tuple(self._grid.options): seeds[runs[0].setting]}
        names: list[str] = []
        for options, few in seeds.items():
            said = call(
                *("dvc", "--wait-for-lock", "exp", "run", "--queue", TARGET),
                *(f"--name={NAME}-{os.urandom(3).hex()}", *set_params(options, few)),
                start_new_session=True,
            )
            names += re.findall(r"^Queued experiment '(.+)'", said, re.MULTILINE)
        self._states = dict.fromkeys(names, "Queued")
        self._start()
        return dict(zip(runs, names, strict=True))

    def left(self) -> int:
        """Return the number of runs that wait or run; start workers if there are none."""
        self._read()
        if not {"Queued", "Running"} & {*self._states.values()}:
            self._read()  # DVC misses a run that starts while it reads
        waiting = [name for name, state in self._states.items() if state == "Queued"]
        running = [name for name, state in self._states.items() if state == "Running"]
        self._silent = 0 if _has_worker() else self._silent + 1
        if (waiting or running) and self._silent > SILENT:
            if running:  # they ended with their workers; the command fails if one has a result
                command = ["dvc", "queue", "kill", *running]
                subprocess.run(command, capture_output=True, check=False)
            self._start()
        return len(waiting) + len(running)

    def last_error(self, name: str) -> str:
        """Return the last error of a run that has no result."""
        if self._states.get(name) != "Failed":
            return "ended without a result of the present code"
        try:
            return last_error(call("dvc", "queue", "logs", name, "--encoding", "utf-8"))
        except StageError as error:
            return str(error)

    def _read(self) -> None:
        """Read the states; DVC fails where a worker is writing the file that it reads."""
        for _ in range(TRIES):
            text = io.StringIO()
            with contextlib.redirect_stdout(text):
                code = main(["queue", "status"])  # in this process, as it is called again and again
            if code == INTERRUPTED:
                raise KeyboardInterrupt
            if not code:
                rows = re.findall(r"^\w{7} +(\S+) .* (\w+) *$", text.getvalue(), re.MULTILINE)
                self._states = dict(rows)
                return
            time.sleep(self.POLL_SECONDS)
        sys.exit(1)  # DVC has written the error

    def _start(self) -> None:
        """Start workers, without a pipe, because they would keep it open."""
        self._silent = 0
        command = ["dvc", "queue", "start", "--quiet", f"--jobs={self._jobs}"]
        if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
            sys.exit(1)  # DVC has written the error


def _has_worker() -> bool:
    """Return whether a worker runs here; on a busy machine, few answer DVC in time."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):  # its folder may be gone
            if WORKER in process.cmdline() and Path(process.cwd()).samefile(Path.cwd()):
                return True
    return False
