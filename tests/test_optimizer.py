"""Optimizers against their papers' formulas."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from network.arrays import FloatType
from network.limits import OptimizerName
from network.model import Network
from network.optimizer import OPTIMIZERS

Doubles = NDArray[np.float64]
State = dict[str, Doubles]

STRENGTH = 0.05  # λ of the penalty
OPTIONS: dict[str, dict[str, Any]] = {
    "sgd": {},
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.8},
    "adam": {"beta1": 0.9, "beta2": 0.99, "epsilon": 1e-3},
    "adamw": {"beta1": 0.8, "beta2": 0.999, "epsilon": 1e-8},
}


def network_to_step(dtype: FloatType = np.float64) -> Network:
    network = Network([4, 3, 2], dtype=dtype)
    network.parameters[:] = np.random.default_rng(0).normal(size=network.parameters.shape)
    return network


def steps(size: int, count: int = 100) -> Iterator[tuple[Doubles, float]]:
    """Yield a gradient and a learning rate for each step."""
    generator = np.random.default_rng(1)
    for step in range(count):
        yield generator.normal(size=size), 0.1 / (1 + step)


def sgd(_: State, g: Doubles) -> Doubles:
    return g


def momentum(state: State, g: Doubles, momentum: float) -> Doubles:
    state["v"] = momentum * state.get("v", 0 * g) + g
    return state["v"]


def nesterov(state: State, g: Doubles, momentum: float) -> Doubles:
    state["v"] = momentum * state.get("v", 0 * g) + g
    return g + momentum * state["v"]


def adam(state: State, g: Doubles, beta1: float, beta2: float, epsilon: float) -> Doubles:
    t = state["t"] = state.get("t", np.zeros(1)) + 1
    m = state["m"] = beta1 * state.get("m", 0 * g) + (1 - beta1) * g
    v = state["v"] = beta2 * state.get("v", 0 * g) + (1 - beta2) * g**2
    step: Doubles = (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + epsilon)
    return step


FORMULAS: dict[OptimizerName, Callable[..., Doubles]] = {
    "sgd": sgd,
    "momentum": momentum,
    "nesterov": nesterov,
    "adam": adam,
    "adamw": adam,
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-11), (np.float32, 1e-4)])
def test_each_step_is_that_of_the_paper(
    name: OptimizerName, dtype: FloatType, tolerance: float
) -> None:
    network = network_to_step(dtype)
    optimizer = OPTIMIZERS[name](network, STRENGTH, **OPTIONS[name])
    theta, state = network.parameters.astype(np.float64), State()
    decayed = np.arange(theta.size) < network.weights.size
    for gradient, rate in steps(theta.size):
        decay = STRENGTH * decayed * theta
        g = gradient if name == "adamw" else gradient + decay
        theta = theta - rate * FORMULAS[name](state, g, **OPTIONS[name])
        if name == "adamw":
            theta -= rate * decay
        network.gradient[:] = gradient
        optimizer.step(rate)
        np.testing.assert_allclose(network.parameters, theta, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_size_of_the_parts_changes_no_byte(
    name: OptimizerName, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = set()
    for part in (2**16, 5, 1):
        monkeypatch.setattr(OPTIMIZERS[name], "PART", part)
        network = network_to_step()
        optimizer = OPTIMIZERS[name](network, STRENGTH, **OPTIONS[name])
        for gradient, rate in steps(network.parameters.size, count=5):
            network.gradient[:] = gradient
            optimizer.step(rate)
        results.add(network.parameters.tobytes())
    assert len(results) == 1


@pytest.mark.parametrize("name", ["momentum", "nesterov", "adam", "adamw"])
def test_kept_vectors_never_have_subnormal_elements(name: OptimizerName) -> None:
    network = Network([3, 2])
    optimizer = OPTIMIZERS[name](network)
    network.gradient[:] = 1
    optimizer.step(0.1)
    for _ in range(2000):
        network.gradient[:] = 0
        optimizer.step(0.1)
    _, _, _, _, *kept = optimizer._parts[0]
    tiny = np.finfo(np.float32).tiny
    assert all(((vector == 0) | (abs(vector) >= tiny)).all() for vector in kept)
