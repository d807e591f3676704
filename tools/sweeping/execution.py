"""Executing runs on a queue, and following them."""

from collections.abc import Sequence
from typing import NoReturn, Protocol

from tqdm import tqdm

from tools.sweeping.runs import Run, Workspace, find, read_figures

FIGURE = "validation.accuracy"


class Queue(Protocol):
    """A queue that executes runs."""

    def put(self, runs: Sequence[Run], /) -> None:
        """Accept runs."""

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

    def begin(self, runs: Sequence[Run]) -> None:
        """Queue those runs that have no results yet."""
        self._bar.update(sum(run.name in self._done for run in runs))
        missing = [run for run in runs if run.name not in self._done | self._waiting]
        if self._queue and missing:
            self._queue.put(missing)
            self._waiting |= {run.name for run in missing}

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
