"""Every backward pass against central differences, in float64."""

from collections.abc import Callable

import numpy as np
import pytest

from network.arrays import Floats
from network.layers import Dense, Dropout, ReLU
from network.loss import SoftmaxCrossEntropy
from network.model import Network
from network.optimizer import SGD, Momentum
from network.samples import one_hot
from tests.reference import penalty

STEP = 1e-6


def numerical_gradient(function: Callable[[], float], x: Floats) -> Floats:
    """Return df/dx by central differences, for a function that reads ``x`` at each call."""
    gradient = np.empty_like(x)
    for index in np.ndindex(x.shape):
        value = x[index]
        x[index] = value + STEP
        above = function()
        x[index] = value - STEP
        below = function()
        x[index] = value
        gradient[index] = (above - below) / (2 * STEP)
    return gradient


def assert_same_gradient(analytical: Floats, numerical: Floats) -> None:
    np.testing.assert_allclose(analytical, numerical, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("rows", [1, 7])
def test_dense(rows: int) -> None:
    generator = np.random.default_rng(0)
    x, upstream = generator.normal(size=(rows, 4)), generator.normal(size=(rows, 3))
    weights, bias = generator.normal(size=(4, 3)), generator.normal(size=3)
    layer = Dense(weights, bias, np.full((4, 3), np.nan), np.full(3, np.nan))

    def loss() -> float:
        return float((layer.forward(x) * upstream).sum())

    loss()
    x_gradient = layer.backward(upstream)
    assert_same_gradient(x_gradient, numerical_gradient(loss, x))
    assert_same_gradient(layer.dW, numerical_gradient(loss, weights))
    assert_same_gradient(layer.db, numerical_gradient(loss, bias))


@pytest.mark.parametrize("rows", [1, 7])
def test_relu(rows: int) -> None:
    generator = np.random.default_rng(0)
    x, upstream = generator.normal(size=(rows, 5)), generator.normal(size=(rows, 5))
    layer = ReLU()

    def loss() -> float:
        return float((layer.forward(x) * upstream).sum())

    loss()
    assert_same_gradient(layer.backward(upstream), numerical_gradient(loss, x))


def test_relu_has_no_gradient_at_zero() -> None:
    layer = ReLU()
    layer.forward(np.array([[-1.0, 0.0, -0.0, 2.0]]))
    np.testing.assert_array_equal(layer.backward(np.ones((1, 4))), [[0, 0, 0, 1]])


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_dropout(rate: float) -> None:
    generator = np.random.default_rng(0)
    x, upstream = generator.normal(size=(6, 5)), generator.normal(size=(6, 5))

    def dropout() -> Dropout:
        return Dropout(rate, np.random.default_rng(1))  # the same mask each time

    layer = dropout()
    layer.forward(x)
    numerical = numerical_gradient(lambda: float((dropout().forward(x) * upstream).sum()), x)
    assert_same_gradient(layer.backward(upstream), numerical)


@pytest.mark.parametrize("rows", [1, 7])
def test_softmax_cross_entropy(rows: int) -> None:
    generator = np.random.default_rng(0)
    z, y = generator.normal(size=(rows, 4)), generator.dirichlet(np.ones(4), rows)
    loss = SoftmaxCrossEntropy()
    assert_same_gradient(loss.gradient(z, y), numerical_gradient(lambda: loss.value(z, y), z))


@pytest.mark.parametrize("rows", [1, 3, 8])
@pytest.mark.parametrize("hidden", [[], [5], [5, 4], [6, 5, 4, 3]], ids=len)
@pytest.mark.parametrize("rate", [0, 0.3])
def test_network(hidden: list[int], rate: float, rows: int) -> None:
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(rows, 6)), one_hot(generator.integers(3, size=rows), 3)
    loss = SoftmaxCrossEntropy()
    parameters = Network([6, *hidden, 3]).parameters.astype(np.float64)
    parameters[:] = generator.normal(scale=0.5, size=parameters.shape)

    def network() -> Network:
        """Build the network with the same masks each time."""
        dropout = [Dropout(rate, np.random.default_rng(2)) if rate else None for _ in hidden]
        built = Network([6, *hidden, 3], dropout, dtype=np.float64)
        built.parameters[:] = parameters
        return built

    def objective() -> float:
        built = network()
        return loss.value(built.forward(x), y) + penalty(built.weights, 0.1)

    numerical = numerical_gradient(objective, parameters)
    for rule in (SGD, Momentum):
        moved = network()
        moved.backward(loss.gradient(moved.forward(x), y))
        rule(moved, decay=0.1).step(1)  # the first step of 1 is minus the gradient
        assert_same_gradient(parameters - moved.parameters, numerical)
