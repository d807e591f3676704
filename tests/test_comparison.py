"""Comparing settings over the same seeds: intervals, order, seeds needed, table and picture."""

from pathlib import Path
from statistics import mean

from stages.shared.drawing import save

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from scipy import stats

from tools.sweeping import table
from tools.sweeping.comparison import CONFIDENCE, compare

values = st.floats(0, 1)
results = st.dictionaries(
    st.sampled_from("abcdef"), st.dictionaries(st.integers(0, 9), values, min_size=1), min_size=1
)


def settings(drawn: NDArray[np.float64]) -> dict[str, dict[int, float]]:
    """Name the columns, and number the rows as seeds."""
    return {
        str(column): dict(enumerate(runs.tolist())) for column, runs in enumerate(drawn.T, start=1)
    }


@given(results)
def test_the_best_comes_first_and_nothing_is_above_it(
    drawn: dict[str, dict[int, float]],
) -> None:
    rows = compare(drawn)
    assert {row.setting: row.values for row in rows} == {
        setting: list(runs.values()) for setting, runs in drawn.items()
    }
    means = [mean(row.values) for row in rows]
    assert means == sorted(means, reverse=True)
    best = drawn[rows[0].setting]
    for row in rows[1:]:
        common = drawn[row.setting].keys() & best.keys()
        differences = [drawn[row.setting][seed] - best[seed] for seed in common]
        assert row.difference == (pytest.approx(mean(differences)) if common else None)
        assert (row.margin is None) == (len(common) < 2)


def test_two_settings_are_compared_by_the_paired_t_test() -> None:
    drawn = np.random.default_rng(0).random((7, 2))
    best, other = compare(settings(drawn))
    interval = stats.ttest_rel(other.values, best.values).confidence_interval(CONFIDENCE)
    difference, margin = other.difference, other.margin
    assert difference is not None
    assert margin is not None
    assert (difference - margin, difference + margin) == pytest.approx(interval)


def test_all_intervals_hold_simultaneously_although_the_data_choose_the_best() -> None:
    # Equal means, so every interval must hold zero; unequal variances, and a share of each seed
    generator = np.random.default_rng(0)
    sweeps, seeds, scale = 200, 5, np.array([1, 1, 2, 4])
    noise = generator.normal(size=(sweeps, seeds, 4)) * scale
    noise += generator.normal(size=(sweeps, seeds, 1))
    missed = sum(any(row.is_worse for row in compare(settings(drawn))) for drawn in noise)
    assert missed <= (1 - CONFIDENCE) * sweeps

    # Without the correction, Student's own intervals for the same pairs miss too often
    def misses(drawn: NDArray[np.float64]) -> bool:
        best, *others = compare(settings(drawn))
        return any(
            stats.ttest_rel(row.values, best.values).confidence_interval(CONFIDENCE).high < 0
            for row in others
        )

    assert sum(map(misses, noise)) > 2 * (1 - CONFIDENCE) * sweeps


def test_a_worse_setting_is_found() -> None:
    noise = np.random.default_rng(0).normal(size=(5, 3), scale=0.001)
    best, second, third = compare(settings(0.97 + noise + np.array([0, -0.0001, -0.02])))
    assert [row.is_worse for row in (best, second, third)] == [False, False, True]


def test_the_table_has_the_numbers_and_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    accuracies = {"a": [0.5, 0.7], "b": [0.9, 0.9], "c": [0.1]}
    table.show(
        {
            setting: {seed: {"accuracy": x, "loss": 1 - x} for seed, x in enumerate(values)}
            for setting, values in accuracies.items()
        },
        ["accuracy", "loss"],
    )
    header, _, *lines = capsys.readouterr().out.splitlines()
    assert [cell.strip() for cell in header.split("|")[1:-1]] == [
        *("setting", "runs", "accuracy", "difference to the best, 95% confidence", "loss")
    ]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[:3]]
    noise = f"{-0.3:+.4f} ± 3.8188, within the seed's noise"
    assert cells == [
        ["b", "2", "0.9000 ± 0.0000", "", "0.1000 ± 0.0000"],
        ["a", "2", "0.6000 ± 0.1414", noise, "0.4000 ± 0.1414"],
        ["c", "1", "0.1000", "-0.8000", "0.9000"],
    ]
    assert "Bonferroni" in lines[-2]

    table.show({name: {0: {"accuracy": 0.5}} for name in "ab"}, ["accuracy"])
    assert capsys.readouterr().out.splitlines()[-2].endswith("noise of the seed: --seeds 5.")


def test_the_picture_shows_all_runs_whatever_the_intervals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    figures: list[Figure] = []
    monkeypatch.setattr(table, "save", lambda figure, _: figures.append(figure))
    for runs in ({0: 0.5, 1: 0.7}, {0: 0.5, 1: 0.7, 2: 0.6}):
        table.draw("accuracy", compare({"$a": runs, "b": {0: 0.9, 1: 0.9}}))
    for figure in figures:
        left, right = figure.axes[0].get_xlim()
        assert 0.4 < left < 0.5  # an interval of two seeds is ± 1.27
        assert 0.9 < right < 1
    save(figures[0], tmp_path / "sweep.png")
    with Image.open(tmp_path / "sweep.png") as picture:
        assert picture.format == "PNG"
