"""The search for settings: its proposals, their order, and a search through DVC's queue."""

import re
import sys
from collections.abc import Callable
from math import log10

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.support import Clone
from tools.sweeping.execution import FIGURE
from tools.sweeping.runs import Run, Setting, is_bounds
from tools.sweeping.search import search

COMMAND = (sys.executable, "-m", "tools.sweep", "--sampler=tpe", "--jobs=2")

Accuracy = Callable[[dict[str, str]], float | None]


class Known:
    """Runs whose accuracy is a known function of their setting, or that fail where it has none."""

    def __init__(self, accuracy: Accuracy) -> None:
        self._accuracy = accuracy
        self.begun = 0
        self.behind: list[int] = []  # how many runs had begun when one was waited for

    def begin(self, runs: list[Run]) -> None:
        """Count the runs that have begun."""
        self.begun += len(runs)

    def finish(self, runs: list[Run]) -> dict[Run, dict[str, float]]:
        """Return the accuracy of each run."""
        self.behind.append(self.begun)
        values = {run: self._accuracy(dict(o.split("=") for o in run.setting)) for run in runs}
        return {run: {FIGURE: value} for run, value in values.items() if value is not None}


def name(setting: Setting) -> list[Run]:
    return [Run(setting, setting, 0, ",".join(setting))]


def proposed(
    accuracy: Callable[[dict[str, str]], float | None],
    proposals: int,
    lag: int,
    **spaces: list[str],
) -> list[dict[str, str]]:
    """Search, and return the settings."""
    runs = search(spaces, name, Known(accuracy), proposals, lag)
    return [dict(override.split("=") for override in run.setting) for run in runs]


def peak(setting: dict[str, str]) -> float:
    """Return an accuracy that is highest at 0.005, two orders of magnitude wide."""
    return 1 - (log10(float(setting["rate"])) - log10(0.005)) ** 2


@pytest.mark.parametrize("lag", [1, 4])
def test_a_search_comes_close_and_is_repeatable(lag: int) -> None:
    tried = proposed(peak, 40, lag, rate=["0.0001..1"], optimizer=["sgd", "adam"])
    assert len(tried) == 40
    assert {setting["optimizer"] for setting in tried} == {"sgd", "adam"}
    best = max(tried, key=peak)
    assert 0.004 < float(best["rate"]) < 0.00625
    assert proposed(peak, 40, lag, rate=["0.0001..1"], optimizer=["sgd", "adam"]) == tried


def test_a_search_continues_without_failed_runs() -> None:
    def fails(setting: dict[str, str]) -> float | None:
        return peak(setting) if float(setting["rate"]) < 0.1 else None

    tried = proposed(fails, 40, 2, rate=["0.0001..1"])
    assert any(float(setting["rate"]) >= 0.1 for setting in tried)
    assert 0.004 < float(max(tried, key=peak)["rate"]) < 0.00625


def test_a_proposal_waits_for_the_one_before_by_the_lag() -> None:
    known = Known(peak)
    search({"rate": ["0.0001..1"]}, name, known, 6, 3)
    assert known.behind == [3, 4, 5, 6, 6, 6]


numbers = st.integers(0, 10**6) | st.floats(1e-6, 1e6)


@given(st.tuples(numbers, numbers).filter(lambda pair: pair[0] < pair[1]))
@hypothesis_settings(max_examples=25)
def test_a_proposal_is_within_its_bounds(bounds: tuple[float, float]) -> None:
    low, high = bounds
    text = f"{low}..{high}"
    assert is_bounds(text)
    for setting in proposed(lambda _: 0, 3, 1, x=[text]):
        # rounded to four digits
        assert low * 0.999 <= float(setting["x"]) <= high * 1.001
        if isinstance(low, int) and isinstance(high, int):
            assert low <= int(setting["x"]) <= high


@pytest.mark.parametrize("text", ["1", "1.5", "../data", "..", "1..", "..1", "a..b", "1..2..3"])
def test_other_values_are_no_bounds(text: str) -> None:
    assert not is_bounds(text)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["1..0.1"], "must be LOW..HIGH, the lower first, got 1..0.1"),
        (["1..1"], "must be LOW..HIGH, the lower first, got 1..1"),
        (["1..2", "3"], "must be bounds or values, not both"),
        (["3", "1..2"], "must be bounds or values, not both"),
    ],
)
def test_a_wrong_bound_is_named(values: list[str], message: str) -> None:
    with pytest.raises(SystemExit, match=re.escape(f"error: --set-param x: {message}")):
        proposed(lambda _: 0, 1, 1, x=values)


def test_a_search_through_the_queue_finds_its_experiments_again(clone: Clone) -> None:
    options = ("-S", "train.learning_rate=0.001..0.1", "-S", "train.epochs=1", "--runs=2")
    done = clone.run(*COMMAND, *options)
    assert len({*re.findall(r"^train\.\S+", done.stdout, re.MULTILINE)}) == 2
    # the same results lead to the same proposals, and so to their experiments
    assert clone.run(*COMMAND, *options, "--clean").stdout == "2 experiments removed\n"
