"""The values that hyperparameters may have, stated once: names, and limits of numbers.

A limit is ``gt``, above, ``ge``, at least, ``lt``, below, or ``le``, at most. The keys are those of
the packages annotated-types and pydantic.
"""

import numbers
import operator
from typing import Any, Literal, get_args

OptimizerName = Literal["sgd", "momentum", "nesterov", "adam", "adamw"]
ScheduleName = Literal["constant", "step", "cosine", "one_cycle"]
Keep = Literal["last", "best"]
CHOICES: dict[str, tuple[str, ...]] = {
    "optimizer": get_args(OptimizerName),
    "schedule": get_args(ScheduleName),
    "keep": get_args(Keep),
}

_SHARE = {"ge": 0, "lt": 1}

LIMITS: dict[str, dict[str, Any]] = {
    "classes": {"ge": 1},
    "hidden": {"ge": 1, "le": 1_000_000},  # units of each layer
    "dropout": _SHARE,
    "learning_rate": {"gt": 0, "le": 1e30},
    "batch_size": {"ge": 1, "le": 1_000_000_000},
    "epochs": {"ge": 1, "le": 1_000_000_000},
    "weight_decay": {"ge": 0, "le": 1e30},
    "momentum": _SHARE,
    "beta1": _SHARE,
    "beta2": _SHARE,
    "epsilon": {"ge": 1e-30, "le": 1},
    "warmup": {"ge": 0},
    "rotation": {"ge": 0, "le": 180},  # degrees
    "scale": {"ge": 0, "le": 2},
    "shear": {"ge": 0, "le": 2},
    "shift": {"ge": 0, "le": 28},  # pixels
    "elastic": {"ge": 0, "le": 28},  # pixels
    "threads": {"ge": 1, "le": 64},
    "seed": {"ge": 0},
}
WHOLE = {"classes", "hidden", "batch_size", "epochs", "seed"}

_RULES = {
    "gt": ("above", operator.gt),
    "ge": ("at least", operator.ge),
    "lt": ("below", operator.lt),
    "le": ("at most", operator.le),
}


def check(name: str, value: Any) -> None:
    """Check a name, or a number of Python or NumPy.

    Raises
    ------
    ValueError
        if it is no choice, or no number in its limits: ``learning_rate: must be above 0, got -1``
    """
    if name in CHOICES:
        if value not in CHOICES[name]:
            choices = ", ".join(CHOICES[name])
            raise ValueError(f"{name}: must be one of {choices}, got {value!r}")
        return
    kind, noun = numbers.Real, "number"
    if name in WHOLE:
        kind, noun = numbers.Integral, "whole number"
    if isinstance(value, bool) or not isinstance(value, kind):
        raise ValueError(f"{name}: must be a {noun}, got {value!r}")  # noqa: TRY004
    for key, limit in LIMITS[name].items():
        words, holds = _RULES[key]
        if not holds(value, limit):
            raise ValueError(f"{name}: must be {words} {limit:g}, got {value}")
