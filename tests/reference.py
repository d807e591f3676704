"""The network's formulas in plain NumPy and float64, which the tests compare the package with."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from network.arrays import Floats, FloatType, Labels
from network.model import Network

Doubles = NDArray[np.float64]
State = Mapping[str, NDArray[Any]]

STRENGTH = 0.05  # λ of the optimizers' penalty
OPTIONS: dict[str, dict[str, Any]] = {
    "sgd": {},
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.8},
    "adam": {"beta1": 0.9, "beta2": 0.99, "epsilon": 1e-3},
    "adamw": {"beta1": 0.8, "beta2": 0.999, "epsilon": 1e-8},
}


def logits(x: Floats, state: State) -> Doubles:
    """Return the logits (rows, classes) in evaluation, for the arrays W1, b1, W2 and so on."""
    return _activations(x, state)[-1]


def probabilities(z: Doubles) -> Doubles:
    """Return softmax(z) as the ratio of exponentials, for logits whose exponentials are finite."""
    powers = np.exp(z)
    ratio: Doubles = powers / powers.sum(axis=1, keepdims=True)
    return ratio


def mean_loss(z: Doubles, labels: Labels) -> float:
    """Return the mean of -log p of the labels, in nats."""
    return float(-np.log(probabilities(z)[np.arange(len(labels)), labels]).mean())


def gradients(x: Floats, labels: Labels, state: State) -> dict[str, Doubles]:
    """Return the gradient of the mean loss with respect to each array."""
    *inputs, z = _activations(x, state)
    delta = (probabilities(z) - np.eye(z.shape[1])[labels]) / len(labels)
    found = {}
    for number in range(len(inputs), 0, -1):
        a = inputs[number - 1]
        found[f"W{number}"], found[f"b{number}"] = a.T @ delta, delta.sum(axis=0)
        delta = delta @ state[f"W{number}"].astype(np.float64).T * (a > 0)
    return found


def penalty(weights: Floats, strength: float) -> float:
    """R = λ/2 Σ W²."""
    return strength / 2 * float((weights**2).sum())


def network_to_step(dtype: FloatType = np.float64) -> Network:
    """Return a small network with parameters for an optimizer to move."""
    network = Network([4, 3, 2], dtype=dtype)
    network.parameters[:] = np.random.default_rng(0).normal(size=network.parameters.shape)
    return network


def steps(size: int, count: int = 100) -> Iterator[tuple[Doubles, float]]:
    """Yield a gradient and a learning rate for each step."""
    generator = np.random.default_rng(1)
    for step in range(count):
        yield generator.normal(size=size), 0.1 / (1 + step)


def _activations(x: Floats, state: State) -> list[Doubles]:
    """Return the input of each dense layer, and the logits."""
    found = [x.astype(np.float64)]
    last = len(state) // 2
    for number in range(1, 1 + last):
        weights, bias = (state[f"{kind}{number}"].astype(np.float64) for kind in "Wb")
        z = found[-1] @ weights + bias
        found.append(z if number == last else np.maximum(z, 0))
    return found
