"""Executing runs on a queue, and following them."""

from collections.abc import Iterable, Sequence
from typing import NoReturn, Protocol

from tqdm import tqdm

from tools.sweeping.runs import Run, Workspace, find, read_figures

FIGURE = "validation.accuracy"


class Queue(Protocol):
    """Where runs are executed."""

    def put(self, run: Run) -> None:
        """Take a run."""

    def wait(self) -> dict[str, str]:
        """Wait until runs end; return the last line of each, empty unless it has failed."""


class Execution:
    """The execution of runs that have no results yet.

    Parameters
    ----------
    workspace
    queue
        none if no run is to be executed
    bar
        shows the number of runs that have ended

    Attributes
    ----------
    failures : dict of str to str
        the last line of each run that has failed
    """

    def __init__(self, workspace: Workspace, queue: Queue | None, bar: "tqdm[NoReturn]") -> None:
        self._workspace = workspace
        self._queue = queue
        self._done = {*find(workspace)}
        self._waiting: set[str] = set()
        self._bar = bar
        self.failures: dict[str, str] = {}

    def begin(self, runs: Iterable[Run]) -> None:
        """Queue those runs that have no results yet."""
        for run in runs:
            if run.name in self._done:
                self._bar.update()
            elif self._queue and run.name not in self._waiting:
                self._queue.put(run)
                self._waiting.add(run.name)

    def finish(self, runs: Sequence[Run]) -> dict[Run, dict[str, float]]:
        """Wait for runs, and return the figures of those that have not failed."""
        names = {run.name for run in runs}
        while self._queue and names & self._waiting:
            for name, failure in self._queue.wait().items():
                self._waiting.remove(name)
                self._done.add(name)
                self._bar.update()
                if failure:
                    self.failures[name] = failure
                    self._bar.set_postfix(failed=len(self.failures))
        return read_figures(self._workspace, runs)
