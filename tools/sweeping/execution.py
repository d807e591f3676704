"""Having runs run, wherever it is, and following them."""

from collections.abc import Iterable
from typing import NoReturn, Protocol

from tqdm import tqdm

from tools.sweeping.runs import Run, Workspace, find

FIGURE = "validation.accuracy"


class Queue(Protocol):
    """Where runs are run."""

    def put(self, run: Run) -> None:
        """Take a run."""

    def wait(self) -> dict[str, str]:
        """Wait until runs have ended: their names, with the last line of each that has failed."""


class Execution:
    """Runs that are being run, beside those that have been.

    Parameters
    ----------
    workspace
    queue
        none, if nothing is to be run
    bar
        shows how many have ended

    Attributes
    ----------
    workspace
    failures : dict of str to str
        the last line of each run that has failed
    """

    def __init__(self, workspace: Workspace, queue: Queue | None, bar: "tqdm[NoReturn]") -> None:
        self.workspace = workspace
        self._queue = queue
        self._done = {*find(workspace)}
        self._waiting: set[str] = set()
        self._bar = bar
        self.failures: dict[str, str] = {}

    def begin(self, runs: Iterable[Run]) -> None:
        """Have those run that have no results yet."""
        for run in runs:
            if run.name in self._done:
                self._bar.update()
            elif self._queue and run.name not in self._waiting:
                self._queue.put(run)
                self._waiting.add(run.name)

    def finish(self, runs: Iterable[Run]) -> None:
        """Wait until these have ended."""
        names = {run.name for run in runs}
        while self._queue and names & self._waiting:
            for name, failure in self._queue.wait().items():
                self._waiting.remove(name)
                self._done.add(name)
                self._bar.update()
                if failure:
                    self.failures[name] = failure
                    self._bar.set_postfix(failed=len(self.failures))
