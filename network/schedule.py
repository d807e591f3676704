"""Learning rates over the steps of a training: a rise during the warm-up, then a fall.

A shape gives the factor on the peak learning rate from the progress p of each part: p runs
through (0, 1] over the steps of the warm-up, and through [0, 1) over all that follow.
"""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

ScheduleName = Literal["constant", "step", "cosine", "one_cycle"]


class Shape(NamedTuple):
    """The factor by the progress of the rise, and by that of the fall."""

    rise: Callable[[float], float]
    fall: Callable[[float], float]


def linear(p: float) -> float:
    """Rise in proportion: Goyal et al., "Accurate, Large Minibatch SGD" (2017), section 2.2."""
    return p


def constant(_: float) -> float:
    """Stay at the peak."""
    return 1.0


def steps(p: float) -> float:
    """Divide by ten at a half and at three quarters, as He et al., CVPR 2016, section 4.2, do."""
    return 1.0 if p < 0.5 else 0.1 if p < 0.75 else 0.01


def cosine(p: float) -> float:
    """½ (1 + cos π p): Loshchilov & Hutter, "SGDR", ICLR 2017, equation 5, to zero, once."""
    return (1 + math.cos(math.pi * p)) / 2


def cycle_rise(p: float) -> float:
    """Rise from 1/25 along a cosine."""
    return 1 - (1 - 1 / 25) * cosine(p)


def cycle_fall(p: float) -> float:
    """Fall along a cosine to a ten-thousandth of the cycle's first factor."""
    return 1 - (1 - 1 / 25e4) * (1 - cosine(p))


SHAPES: dict[ScheduleName, Shape] = {
    "constant": Shape(linear, constant),
    "step": Shape(linear, steps),
    "cosine": Shape(linear, cosine),
    # Smith & Topin, "Super-Convergence" (2018), along cosines as is usual today
    "one_cycle": Shape(cycle_rise, cycle_fall),
}


class Schedule(NamedTuple):
    """The learning rate at each step.

    ``peak`` is the highest learning rate, ``total`` and ``warmup`` count steps.
    """

    shape: Shape
    peak: float
    total: int
    warmup: int

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        if step < self.warmup:
            return self.peak * self.shape.rise((step + 1) / self.warmup)
        return self.peak * self.shape.fall((step - self.warmup) / (self.total - self.warmup))
