"""Comparing settings over the same seeds: the intervals, the order, the table, the picture."""

import csv
import io
from pathlib import Path
from statistics import mean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from scipy import stats

from tools.sweeping import tables
from tools.sweeping.comparison import CONFIDENCE, compare

values = st.floats(0, 1)
results = st.dictionaries(
    st.text(min_size=1), st.dictionaries(st.integers(0, 9), values, min_size=1), min_size=1
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
        assert sorted(row.differences) == sorted(drawn[row.setting][s] - best[s] for s in common)
        assert (row.margin is None) == (len(common) < 2)


def test_two_settings_are_compared_by_the_paired_t_test() -> None:
    drawn = np.random.default_rng(0).random((7, 2))
    best, other = compare(settings(drawn))
    interval = stats.ttest_rel(other.values, best.values).confidence_interval(CONFIDENCE)
    difference, margin = mean(other.differences), other.margin
    assert margin is not None
    assert (difference - margin, difference + margin) == pytest.approx(interval)


def test_all_intervals_hold_simultaneously_although_the_data_choose_the_best() -> None:
    # Equal means, so every interval must hold zero; unequal variances, and a share of each seed
    generator = np.random.default_rng(0)
    sweeps, seeds, scale = 400, 5, np.array([1, 1, 2, 4])
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


def test_the_table_and_the_csv_hold_the_same_numbers(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = compare({"a": {0: 0.5, 1: 0.7}, "b": {0: 0.9, 1: 0.9}, "c": {0: 0.1}})
    others = [{"loss": row.values} for row in rows]
    tables.write_table("accuracy", rows, others, markdown=True)
    header, _, *lines = capsys.readouterr().out.splitlines()
    assert [cell.strip() for cell in header.split("|")[1:-1]] == [
        *("setting", "runs", "accuracy", "difference to the best, 95% confidence", "loss")
    ]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[:3]]
    assert cells == [
        ["b", "2", "0.9000 ± 0.0000", "", "0.9000 ± 0.0000"],
        [
            "a",
            "2",
            "0.6000 ± 0.1414",
            f"{-0.3:+.4f} ± 3.8188, within the seed's noise",
            "0.6000 ± 0.1414",
        ],
        ["c", "1", "0.1000", "-0.8000", "0.1000"],
    ]

    tables.write_csv("accuracy", rows, others)
    first, second, third = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (first["setting"], first["difference"], first["margin"]) == ("b", "", "")
    assert (second["accuracy"], second["difference"]) == ("0.6", "-0.3")
    assert float(second["margin"]) == pytest.approx(3.8188, abs=1e-4)
    assert (third["loss"], third["loss deviation"], third["margin"]) == ("0.1", "", "")

    tables.draw("accuracy", rows)
    with Image.open("sweep.png") as picture:
        assert picture.format == "PNG"
        low = picture.height
    tables.draw("accuracy", rows * 4)
    with Image.open("sweep.png") as picture:
        assert picture.height > low
