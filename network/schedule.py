"""Learning rate schedules: a rise during the warm-up, then a constant or falling rate.

A shape is two functions, of the rise and of the fall. Each gives the factor of the peak learning
rate for the progress p, which runs through (0, 1] over the steps of the warm-up, and through [0, 1)
over the steps after it.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from network.limits import ScheduleName

Factor = Callable[[float], float]


def linear(p: float) -> float:
    """Rise linearly: Goyal et al., "Accurate, Large Minibatch SGD" (2017), section 2.2."""
    return p


def constant(_: float) -> float:
    """Stay at the peak."""
    return 1.0


def steps(p: float) -> float:
    """Divide by ten at p = ½ and at p = ¾, as in He et al., CVPR 2016, section 4.2."""
    return 1.0 if p < 0.5 else 0.1 if p < 0.75 else 0.01


def cosine(p: float) -> float:
    """½ (1 + cos π p): Loshchilov & Hutter, "SGDR", ICLR 2017, equation 5, without restarts."""
    return (1 + math.cos(math.pi * p)) / 2


def cycle_rise(p: float) -> float:
    """Rise from 1/25 along a cosine."""
    return 1 - (1 - 1 / 25) * cosine(p)


def cycle_fall(p: float) -> float:
    """Fall along a cosine to a ten-thousandth of the cycle's first factor."""
    return 1 - (1 - 1 / 25e4) * (1 - cosine(p))


SHAPES: dict[ScheduleName, tuple[Factor, Factor]] = {
    "constant": (linear, constant),
    "step": (linear, steps),
    "cosine": (linear, cosine),
    # Smith & Topin, "Super-Convergence" (2018), along cosines as is usual today
    "one_cycle": (cycle_rise, cycle_fall),
}


class Schedule(NamedTuple):
    """The learning rate at each step.

    Attributes
    ----------
    shape : one of ``SHAPES``
    peak : highest learning rate
    total : number of steps
    warmup : number of steps in which the rate rises, at most ``total``
    """

    shape: tuple[Factor, Factor]
    peak: float
    total: int
    warmup: int

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        rise, fall = self.shape
        if step < self.warmup:
            return self.peak * rise((step + 1) / self.warmup)
        return self.peak * fall((step - self.warmup) / (self.total - self.warmup))
