"""The defaults of a Trainer, and its refusals: each names the argument, the rule and the value."""

import operator
import re
from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any

from stages.shared.settings import Augment, Model, Section, Train

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.limits import CHOICES, LIMITS, WHOLE, check
from network.optimizer import OPTIMIZERS, Optimizer
from network.schedule import SHAPES
from network.trainer import Trainer

X, Y = np.zeros((20, 3)), np.arange(20) % 4
REAL = "images: must be real numbers of shape (n, features), are "
WHOLE_LABELS = "labels: must be whole numbers of shape (n,), are "
RANGE = "labels: must be in [0, 4), are in "
MAGNITUDE = "images: must be numbers of magnitude 1, are in "
NAN = "images: must be finite, contain NaN or infinity; replace them"


def defaults(function: Callable[..., object]) -> dict[str, object]:
    parameters = signature(function).parameters.values()
    return {each.name: each.default for each in parameters if each.default is not Parameter.empty}


def test_the_defaults_and_the_choices_are_the_same_everywhere() -> None:
    ours = defaults(Trainer)
    assert defaults(Optimizer).items() <= {**ours, "decay": 0}.items()
    models: tuple[type[Section], ...] = (Model, Augment, Train)
    fields = {name: field for model in models for name, field in model.model_fields.items()}
    optional = {name: field.default for name, field in fields.items() if not field.is_required()}
    assert optional.pop("threads") == 1
    assert optional.pop("kernels") == "portable"
    assert optional.items() <= ours.items()
    assert optional.keys() >= {"warmup", "momentum", "beta1", "beta2", "epsilon", "rotation"}
    assert CHOICES["optimizer"] == tuple(OPTIMIZERS)
    assert CHOICES["schedule"] == tuple(SHAPES)


@pytest.mark.parametrize("split", ["train", "validation"])
@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (X[:, 0], Y, REAL + "float64 of shape (20,)"),
        (X[:, :0], Y, REAL + "float64 of shape (20, 0)"),
        (X[None], Y, REAL + "float64 of shape (1, 20, 3); use images.reshape(len(images), -1)"),
        (X.astype(object), Y, REAL + "object of shape (20, 3)"),
        (X * np.nan, Y, NAN),
        (X - np.inf, Y, NAN),
        (X.astype("u1") + 128, Y, MAGNITUDE + "[128, 128]; divide pixels by 255, or standardize"),
        (X - 101, Y, MAGNITUDE + "[-101, -101]"),
        (X, Y[1:], "labels: must be 20, as there are images, are 19"),
        (X, np.eye(4)[Y], WHOLE_LABELS + "float64 of shape (20, 4); if they are one-hot, pass"),
        (X, Y > 0, WHOLE_LABELS + "bool of shape (20,)"),
        (X, np.array(1), WHOLE_LABELS + "int64 of shape ()"),
        (X, Y + 1, RANGE + "[1, 4]; number the classes from 0, and set classes to their"),
        (X, Y - 1, RANGE + "[-1, 2]; number the classes from 0"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    split: str, images: Any, labels: Any, message: str
) -> None:
    splits = {"train": (X, Y), "validation": (X, Y), split: (images, labels)}
    with pytest.raises(ValueError, match=f"^{split}: {re.escape(message)}"):
        Trainer(splits["train"], splits["validation"], classes=4)


SETTINGS = sorted(LIMITS.keys() - {"threads"})  # the threads of matrix products: not the trainer's


@given(name=st.sampled_from(SETTINGS), value=st.floats() | st.integers(-3, 3) | st.booleans())
def test_a_number_is_accepted_within_its_limits_and_else_refused(name: str, value: float) -> None:
    rules = LIMITS[name]
    known = not isinstance(value, bool) and not (name in WHOLE and isinstance(value, float))
    valid = known and all(getattr(operator, key)(value, rules[key]) for key in rules)
    if valid:
        check(name, value)
        check(name, np.int64(value) if name in WHOLE else np.float64(value))
        return
    setting: dict[str, Any] = {"classes": 4, name: [value] if name == "hidden" else value}
    with pytest.raises(ValueError, match=rf"^{name}: must be .*, got {re.escape(str(value))}$"):
        Trainer((X, Y), **setting)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"learning_rate": 0}, "learning_rate: must be above 0, got 0"),
        ({"dropout": [0, -0.1]}, "dropout: must be at least 0, got -0.1"),
        ({"dropout": [0.1]}, "dropout: needs one rate per hidden layer (2), got 1"),
        ({"dropout": "0.1"}, "dropout: must be a number, got '0.1'"),
        ({"dropout": True}, "dropout: must be a number, got True"),
        ({"hidden": [8, True]}, "hidden: must be a whole number, got True"),
        ({"hidden": 8}, "hidden: must be a list of whole numbers, got 8"),
        ({"hidden": [[8]]}, "hidden: must be a list of whole numbers, got [[8]]"),
        ({"batch_size": 2.0}, "batch_size: must be a whole number, got 2.0"),
        (
            {"batch_size": 21},
            "batch_size: must be at most the number of training images (20), got 21",
        ),
        (
            {"optimizer": "rmsprop"},
            "optimizer: must be one of sgd, momentum, nesterov, adam, adamw, got 'rmsprop'",
        ),
        (
            {"schedule": "linear"},
            "schedule: must be one of constant, step, cosine, one_cycle, got 'linear'",
        ),
        ({"keep": "first"}, "keep: must be one of last, best, got 'first'"),
        ({"keep": "best"}, "keep: 'best' needs validation images"),
        ({"warmup": 35.5}, "warmup: must be at most epochs (35), got 35.5"),
        ({"train": (X[:0], Y[:0])}, "train: must contain at least one image"),
        (
            {"validation": (X[:, :2], Y)},
            "validation: images must have 3 features as those of train, have 2",
        ),
        ({"rotation": 1}, "images: must be square, have 3 pixels"),
    ],
)
def test_a_refusal_names_the_argument_the_rule_and_the_value(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Trainer(**{"train": (X, Y), "classes": 4, **arguments})
