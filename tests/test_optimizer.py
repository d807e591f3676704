"""Optimizers against their papers' formulas."""

from collections.abc import Callable

import numpy as np
import pytest

from network.arrays import FloatType
from network.limits import OptimizerName
from network.model import Network
from network.optimizer import OPTIMIZERS, Adam, Optimizer
from tests.reference import OPTIONS, STRENGTH, Doubles, network_to_step, steps

State = dict[str, Doubles]

ZERO = np.zeros(1)


def sgd(theta: Doubles, decayed: Doubles, _: State, g: Doubles, rate: float) -> Doubles:
    return theta - rate * (g + STRENGTH * decayed * theta)


def momentum(theta: Doubles, decayed: Doubles, state: State, g: Doubles, rate: float) -> Doubles:
    state["v"] = 0.9 * state.get("v", ZERO) + g + STRENGTH * decayed * theta
    velocity: Doubles = state["v"]
    return theta - rate * velocity


def nesterov(theta: Doubles, decayed: Doubles, state: State, g: Doubles, rate: float) -> Doubles:
    g = g + STRENGTH * decayed * theta
    state["v"] = 0.8 * state.get("v", ZERO) + g
    return theta - rate * (g + 0.8 * state["v"])


def adam(theta: Doubles, decayed: Doubles, state: State, g: Doubles, rate: float) -> Doubles:
    g = g + STRENGTH * decayed * theta
    t = state["t"] = state.get("t", ZERO) + 1
    m = state["m"] = 0.9 * state.get("m", ZERO) + (1 - 0.9) * g
    v = state["v"] = 0.99 * state.get("v", ZERO) + (1 - 0.99) * g**2
    return theta - rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.99**t)) + 1e-3)


def adamw(theta: Doubles, decayed: Doubles, state: State, g: Doubles, rate: float) -> Doubles:
    t = state["t"] = state.get("t", ZERO) + 1
    m = state["m"] = 0.8 * state.get("m", ZERO) + (1 - 0.8) * g
    v = state["v"] = 0.999 * state.get("v", ZERO) + (1 - 0.999) * g**2
    theta = theta - rate * STRENGTH * decayed * theta
    return theta - rate * (m / (1 - 0.8**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)


FORMULAS: dict[OptimizerName, Callable[..., Doubles]] = {
    "sgd": sgd,
    "momentum": momentum,
    "nesterov": nesterov,
    "adam": adam,
    "adamw": adamw,
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
        theta = FORMULAS[name](theta, decayed, state, gradient, rate)
        network.gradient[:] = gradient
        optimizer.step(rate)
        np.testing.assert_allclose(network.parameters, theta, rtol=tolerance, atol=tolerance)


def test_first_step_of_adam_is_the_learning_rate() -> None:
    # m̂ = g and v̂ = g² at the first step, so that θ moves by η g / (|g| + ε)
    network = network_to_step()
    before = network.parameters.copy()
    network.gradient[:] = 4.0
    Adam(network, epsilon=1.0).step(0.01)
    np.testing.assert_allclose(before - network.parameters, 0.01 * 4 / 5)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_nothing_moves_without_gradient_and_decay(name: OptimizerName) -> None:
    network = network_to_step()
    before = network.parameters.copy()
    network.gradient[:] = 0
    OPTIMIZERS[name](network, 0, **OPTIONS[name]).step(0.1)
    np.testing.assert_array_equal(network.parameters, before)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_neither_parts_nor_settings_of_other_optimizers_change_a_byte(name: OptimizerName) -> None:
    others = dict.fromkeys(("momentum", "beta1", "beta2", "epsilon"), 0.5)
    results = []
    for part, unused in ((2**16, {}), (5, {}), (1, others)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Optimizer, "PART", part)
            network = network_to_step()
            optimizer = OPTIMIZERS[name](network, STRENGTH, **{**unused, **OPTIONS[name]})
            for gradient, rate in steps(network.parameters.size, count=5):
                network.gradient[:] = gradient
                optimizer.step(rate)
            results.append(network.parameters.tobytes())
    assert len(set(results)) == 1


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
