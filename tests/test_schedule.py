"""Learning rates over the steps of a training."""

import math

import pytest

from network.limits import ScheduleName
from network.schedule import SHAPES, Schedule


@pytest.mark.parametrize(
    ("shape", "warmup", "rates"),
    [
        ("constant", 0, [8] * 8),
        ("constant", 4, [2, 4, 6, 8, 8, 8, 8, 8]),
        ("step", 0, [8, 8, 8, 8, 0.8, 0.8, 0.08, 0.08]),
        ("step", 4, [2, 4, 6, 8, 8, 8, 0.8, 0.08]),
        ("cosine", 0, [4 * (1 + math.cos(math.pi * step / 8)) for step in range(8)]),
        ("cosine", 6, [8 / 6, 16 / 6, 4, 32 / 6, 40 / 6, 8, 8, 4]),
        ("cosine", 8, [1, 2, 3, 4, 5, 6, 7, 8]),
        (
            "one_cycle",
            2,
            [
                8 * (1 / 25 + 1) / 2,
                *[
                    8 / 25e4 + (8 - 8 / 25e4) * (1 + math.cos(math.pi * p / 6)) / 2
                    for p in (-0.0, 0, 1, 2, 3, 4, 5)
                ],
            ],
        ),
    ],
)
def test_rates_worked_out_by_hand(shape: ScheduleName, warmup: int, rates: list[float]) -> None:
    schedule = Schedule(SHAPES[shape], peak=8, total=8, warmup=warmup)
    assert [schedule.rate(step) for step in range(8)] == pytest.approx(rates)
