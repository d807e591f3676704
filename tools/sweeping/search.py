"""Search: the results of earlier settings determine the next one."""

import sys
from collections import deque
from collections.abc import Callable
from statistics import mean
from typing import Protocol

from optuna import create_study, logging
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import TPESampler
from optuna.trial import Trial, TrialState

from tools.sweeping.execution import FIGURE
from tools.sweeping.runs import Run, Setting, is_bounds

DIGITS = 4  # significant digits of a proposed number
WIDE = 10  # ratio of bounds from which the search is logarithmic


class Executor(Protocol):
    """A queue that executes runs."""

    def begin(self, runs: list[Run], /) -> None:
        """Begin runs."""

    def finish(self, runs: list[Run], /) -> dict[Run, dict[str, float]]:
        """Wait for runs, and return the figures of those that have not failed."""


def search(
    spaces: dict[str, list[str]],
    name: Callable[[Setting], list[Run]],
    execution: Executor,
    proposals: int,
    lag: int,
) -> list[Run]:
    """Maximize the validation accuracy by a tree-structured Parzen estimator [1]_, Optuna's.

    A proposal is made when the one ``lag`` before it has its result. So the same results lead to
    the same proposals, at whatever time they arrive.

    Parameters
    ----------
    spaces
        of each key, its values, or bounds such as ``0.001..0.1``
    name
        returns the runs of a setting
    execution
        executes the runs
    proposals : int
        number of settings
    lag : int
        number of settings that are executed at the same time

    Returns
    -------
    list of Run
        those of all settings

    References
    ----------
    .. [1] Bergstra et al. (2011), Algorithms for Hyper-Parameter Optimization.
       https://papers.nips.cc/paper/4443-algorithms-for-hyper-parameter-optimization
    """
    logging.set_verbosity(logging.WARNING)
    distributions = {key: _distribution(key, values) for key, values in spaces.items()}
    study = create_study(direction="maximize", sampler=TPESampler(seed=0))
    asked: deque[tuple[Trial, list[Run]]] = deque()
    runs: list[Run] = []
    while asked or len(study.trials) < proposals:
        if len(asked) < lag and len(study.trials) < proposals:
            trial = study.ask(distributions)
            named = name(tuple(f"{key}={_text(value)}" for key, value in trial.params.items()))
            execution.begin(named)
            asked.append((trial, named))
            runs += named
        else:
            trial, named = asked.popleft()
            values = [figures[FIGURE] for figures in execution.finish(named).values()]
            state = TrialState.COMPLETE if values else TrialState.FAIL
            study.tell(trial, mean(values) if values else None, state)
    return runs


def _distribution(key: str, values: list[str]) -> BaseDistribution:
    if not any(map(is_bounds, values)):
        return CategoricalDistribution(values)
    if len(values) > 1:
        sys.exit(f"error: --set-param {key}: must be bounds or values, not both")
    lowest, _, highest = values[0].partition("..")
    low, high = float(lowest), float(highest)
    if low >= high:
        sys.exit(f"error: --set-param {key}: must be LOW..HIGH, the lower first, got {values[0]}")
    log = 0 < low <= high / WIDE
    if lowest.isdecimal() and highest.isdecimal():
        return IntDistribution(int(low), int(high), log=log)
    return FloatDistribution(low, high, log=log)


def _text(value: str | float) -> str:
    return f"{value:.{DIGITS}g}" if isinstance(value, float) else str(value)
