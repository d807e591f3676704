"""The defaults of a Trainer, and what it refuses, each with a message that names it."""

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
from numpy.typing import NDArray

from network.limits import LIMITS, WHOLE, check
from network.optimizer import Optimizer
from network.trainer import Trainer

IMAGES, LABELS = np.zeros((20, 3)), np.arange(20) % 4
REAL = r"images: must be real numbers of shape \(n, features\)"
WHOLE_LABELS = r"labels: must be whole numbers of shape \(n,\)"
ADAM = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}  # as in its paper
UNDEFORMED = {"rotation": 0, "scale": 0, "shear": 0, "shift": 0, "elastic": 0}
DEFAULTS = {
    "validation": None,
    "hidden": (64, 32),
    "dropout": 0,
    "optimizer": "sgd",
    "learning_rate": 0.006,
    "batch_size": 16,
    "epochs": 35,
    "weight_decay": 0,
    "schedule": "constant",
    "warmup": 0,
    "momentum": 0.9,
    **ADAM,
    "keep": "last",
    **UNDEFORMED,
    "seed": 0,
}


def defaults(function: Callable[..., object]) -> dict[str, object]:
    parameters = signature(function).parameters.values()
    return {each.name: each.default for each in parameters if each.default is not Parameter.empty}


def test_the_defaults_are_the_same_everywhere() -> None:
    assert defaults(Trainer) == DEFAULTS
    assert defaults(Optimizer) == {"decay": 0, "momentum": 0.9, **ADAM}
    models: tuple[type[Section], ...] = (Model, Augment, Train)
    fields = {name: field for model in models for name, field in model.model_fields.items()}
    optional = {name: field.default for name, field in fields.items() if not field.is_required()}
    assert optional.pop("threads") == 1
    assert optional.pop("kernels") == "portable"
    assert optional.items() <= DEFAULTS.items()
    assert optional.keys() >= {"warmup", *ADAM, *UNDEFORMED}


@pytest.mark.parametrize("split", ["train", "validation"])
@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES[:, 0], LABELS, rf"{REAL}, are float64 of shape \(20,\)"),
        (IMAGES[:, :0], LABELS, rf"{REAL}, are float64 of shape \(20, 0\)"),
        (IMAGES.astype(complex), LABELS, rf"{REAL}, are complex128 of shape \(20, 3\)"),
        (IMAGES.astype(str), LABELS, rf"{REAL}, are <U32 of shape \(20, 3\)"),
        (IMAGES.astype(object), LABELS, rf"{REAL}, are object of shape \(20, 3\)"),
        (IMAGES[None], LABELS, r".*; use images.reshape\(len\(images\), -1\)"),
        (IMAGES, LABELS[1:], r"labels: must be 20, as there are images, are 19"),
        (IMAGES, np.eye(4, dtype=int)[LABELS], r"labels: .* one-hot, pass labels.argmax\(axis=1\)"),
        (IMAGES, LABELS / 1, rf"{WHOLE_LABELS}, are float64 of \(20,\)"),
        (IMAGES, LABELS > 0, rf"{WHOLE_LABELS}, are bool of \(20,\)"),
        (IMAGES, LABELS.astype(str), rf"{WHOLE_LABELS}, are <U21 of \(20,\)"),
        (
            IMAGES,
            LABELS + 1,
            r"labels: must be in \[0, 4\), are in \[1, 4\]; number the classes .*",
        ),
        (IMAGES, LABELS - 1, r"labels: must be in \[0, 4\), are in \[-1, 2\]; number .*"),
        (IMAGES + 255, LABELS, r"images: .* are in \[255.0, 255.0\]; divide pixels by 255, .*"),
        (IMAGES.astype("u1") + 128, LABELS, r"images: .* \[128, 128\]; divide pixels by 255, .*"),
        (IMAGES * np.nan, LABELS, r"images: must be finite, contain NaN .*; replace them"),
        (IMAGES - np.inf, LABELS, r"images: must be finite, contain NaN .*; replace them"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    split: str, images: NDArray[Any], labels: NDArray[Any], message: str
) -> None:
    splits = {"train": (IMAGES, LABELS), "validation": (IMAGES, LABELS), split: (images, labels)}
    with pytest.raises(ValueError, match=f"^{split}: {message}$"):
        Trainer(splits["train"], splits["validation"], classes=4)


def test_splits_must_have_the_same_features() -> None:
    message = "^validation: images must have 3 features as those of train, have 2$"
    with pytest.raises(ValueError, match=message):
        Trainer((IMAGES, LABELS), (IMAGES[:, :2], LABELS), classes=4)


def test_training_needs_images() -> None:
    with pytest.raises(ValueError, match=r"^train: must contain at least one image$"):
        Trainer((IMAGES[:0], LABELS[:0]), classes=4)


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
    setting: dict[str, Any] = {name: [value] if name == "hidden" else value}
    with pytest.raises(ValueError, match=rf"^{name}: must be .*, got {re.escape(str(value))}$"):
        Trainer((IMAGES, LABELS), classes=4, **setting)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("learning_rate", -1, "must be above 0, got -1"),
        ("dropout", 1.0, "must be below 1, got 1.0"),
        ("dropout", [0, -0.1], "must be at least 0, got -0.1"),
        ("dropout", [0.1], r"needs one rate per hidden layer \(2\), got 1"),
        ("dropout", True, "must be a number, got True"),
        ("dropout", "0.1", "must be a number, got '0.1'"),
        ("batch_size", 2.0, "must be a whole number, got 2.0"),
        ("batch_size", 21, r"must be at most the number of training images \(20\), got 21"),
        ("seed", -1, "must be at least 0, got -1"),
        ("optimizer", "rmsprop", "must be one of sgd, momentum, .*, adamw, got 'rmsprop'"),
        ("schedule", "linear", "must be one of constant, step, cosine, one_cycle, got 'linear'"),
        ("keep", "first", "must be one of last, best, got 'first'"),
        ("warmup", 35.5, r"must be at most epochs \(35\), got 35.5"),
    ],
)
def test_a_refusal_names_the_setting_the_rule_and_the_value(
    name: str, value: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{name}: {message}$"):
        Trainer((IMAGES, LABELS), classes=4, **{name: value})


def test_threads_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^threads: must be at least 1, got -3$"):
        check("threads", -3)


def test_numbers_of_numpy_are_accepted() -> None:
    numbers: tuple[Any, ...] = (np.float32(0.5), np.array([0.5, 0.5]), 0)
    size: Any = np.int64(4)
    for dropout in numbers:
        Trainer((IMAGES, LABELS), classes=4, dropout=dropout, batch_size=size)


@pytest.mark.parametrize("validation", [None, (IMAGES[:0], LABELS[:0])])
def test_best_needs_validation_images(validation: tuple[NDArray[Any], NDArray[Any]] | None) -> None:
    with pytest.raises(ValueError, match=r"^keep: 'best' needs validation images$"):
        Trainer((IMAGES, LABELS), validation, classes=4, keep="best")
