"""The defaults of a Trainer, and what it refuses, each with a message that names it."""

import math
from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any

from stages.settings.augment import Augment
from stages.settings.model import Model
from stages.settings.train import Train
from stages.shared.settings import Section

import numpy as np
import pytest
from numpy.typing import NDArray

from network.optimizer import create_optimizer
from network.trainer import Trainer

IMAGES, LABELS = np.zeros((20, 3)), np.arange(20) % 4
REAL = r"images must be real numbers of shape \(n, features\)"
WHOLE = r"labels must be whole numbers of shape \(20,\)"
ADAM = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}  # of its paper
UNDEFORMED = {"rotation": 0, "scale": 0, "shear": 0, "shift": 0, "elastic": 0}
DEFAULTS = {
    "validation": None,
    "hidden": (64, 32),
    "members": 1,
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
    "threads": 1,
    "seed": 0,
}


def defaults(function: Callable[..., object]) -> dict[str, object]:
    parameters = signature(function).parameters.values()
    return {each.name: each.default for each in parameters if each.default is not Parameter.empty}


def test_the_defaults_are_the_same_everywhere() -> None:
    assert defaults(Trainer) == DEFAULTS
    assert defaults(create_optimizer) == {"momentum": 0.9, **ADAM, "threads": 1}
    models: tuple[type[Section], ...] = (Model, Augment, Train)
    fields = {name: field for model in models for name, field in model.model_fields.items()}
    optional = {name: field.default for name, field in fields.items() if not field.is_required()}
    assert optional.items() <= DEFAULTS.items()
    assert optional.keys() >= {"warmup", "threads", *ADAM, *UNDEFORMED}


@pytest.mark.parametrize("split", ["train", "validation"])
@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES[:, 0], LABELS, rf"{REAL}, are float64 of shape \(20,\)"),
        (IMAGES[:, :0], LABELS, rf"{REAL}, are float64 of shape \(20, 0\)"),
        (IMAGES[None], LABELS, rf"{REAL}, are float64 of shape \(1, 20, 3\)"),
        (IMAGES.astype(complex), LABELS, rf"{REAL}, are complex128 of shape \(20, 3\)"),
        (IMAGES.astype(str), LABELS, rf"{REAL}, are <U32 of shape \(20, 3\)"),
        (IMAGES.astype(object), LABELS, rf"{REAL}, are object of shape \(20, 3\)"),
        (IMAGES, LABELS[1:], rf"{WHOLE}, are int64 of shape \(19,\)"),
        (IMAGES, LABELS[:, None], rf"{WHOLE}, are int64 of shape \(20, 1\)"),
        (IMAGES, LABELS / 1, rf"{WHOLE}, are float64 of shape \(20,\)"),
        (IMAGES, LABELS > 0, rf"{WHOLE}, are bool of shape \(20,\)"),
        (IMAGES, LABELS.astype(str), rf"{WHOLE}, are <U21 of shape \(20,\)"),
        (IMAGES, LABELS + 1, r"labels must be in \[0, 4\), are in \[1, 4\]"),
        (IMAGES, LABELS - 1, r"labels must be in \[0, 4\), are in \[-1, 2\]"),
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


@pytest.mark.parametrize(
    ("name", "values", "rule"),
    [
        ("hidden", [[0], [5, -1]], "must be at least 1 each"),
        ("members", [0, -1], "must be at least 1"),
        ("dropout", [1.0, -0.1, [0, 1], math.nan], r"must be in \[0, 1\)"),
        ("dropout", [[], [0.1], [0.1] * 3], r"needs one rate per hidden layer \(2\)"),
        ("optimizer", ["rmsprop", ""], "must be one of sgd, momentum, nesterov, adam, adamw"),
        ("learning_rate", [0, -1.0, math.inf, math.nan], "must be a finite number above 0"),
        ("batch_size", [0, 21], r"must be from 1 to the number of training images \(20\)"),
        ("epochs", [0, -1], "must be at least 1"),
        ("weight_decay", [-1e-9, math.inf, math.nan], "must be a finite number from 0"),
        ("schedule", ["linear"], "must be one of constant, step, cosine, one_cycle"),
        ("warmup", [-1, 35.5], r"must be from 0 to the number of epochs \(35\)"),
        ("momentum", [1.0, -0.1, math.nan], r"must be in \[0, 1\)"),
        ("beta1", [1.0, -0.1, math.nan], r"must be in \[0, 1\)"),
        ("beta2", [1.0, -0.1, math.nan], r"must be in \[0, 1\)"),
        ("epsilon", [0, -1.0, math.inf], "must be a finite number above 0"),
        ("keep", ["first"], "must be last or best"),
    ],
)
def test_settings_out_of_range_are_refused(name: str, values: list[Any], rule: str) -> None:
    for value in values:
        with pytest.raises(ValueError, match=rf"^{name}: {rule}, got "):
            Trainer((IMAGES, LABELS), classes=4, **{name: value})


@pytest.mark.parametrize("validation", [None, (IMAGES[:0], LABELS[:0])])
def test_best_needs_validation_images(validation: tuple[NDArray[Any], NDArray[Any]] | None) -> None:
    with pytest.raises(ValueError, match=r"^keep: 'best' needs validation images$"):
        Trainer((IMAGES, LABELS), validation, classes=4, keep="best")
