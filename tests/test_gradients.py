"""Every backward pass against central differences, in float64, and dropout's masks."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.arrays import Floats
from network.layers import Dropout, ReLU
from network.loss import SoftmaxCrossEntropy
from network.model import Network
from network.optimizer import SGD, Momentum
from network.samples import one_hot

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


def test_relu_has_no_gradient_at_zero() -> None:
    layer = ReLU()
    layer.forward(np.array([[-1.0, 0.0, -0.0, 2.0]]))
    np.testing.assert_array_equal(layer.backward(np.ones((1, 4))), [[0, 0, 0, 1]])


@given(
    rate=st.floats(0.01, 0.9), rows=st.sampled_from([1, 16, 100, 300]), seed=st.integers(0, 2**32)
)
def test_dropout_keeps_the_expectation(rate: float, rows: int, seed: int) -> None:
    layer = Dropout(rate, np.random.default_rng(seed))
    y = np.concatenate([layer.forward(np.ones((rows, 8))) for _ in range(4_000 // rows)])
    np.testing.assert_allclose(y[y > 0], 1 / (1 - rate), rtol=1e-4)
    deviation = math.sqrt(rate / (1 - rate) / y.size)
    assert abs(y.mean() - 1) < 6 * deviation


def test_dropout_masks_are_never_used_twice_and_are_those_of_the_gradient() -> None:
    layer = Dropout(0.5, np.random.default_rng(0))
    sizes = [16] * 40 + [300, 0, 7, 16, 16]
    masks = set()
    for rows in sizes:
        mask = layer.forward(np.ones((rows, 64), np.float32))
        masks.add(mask.tobytes())
        gradient = np.random.default_rng(rows).normal(size=mask.shape)
        np.testing.assert_array_equal(layer.backward(gradient), mask * gradient)
    assert len(masks) == len(sizes)


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
        return loss.value(built.forward(x), y) + 0.1 / 2 * float((built.weights**2).sum())

    numerical = numerical_gradient(objective, parameters)
    for rule in (SGD, Momentum):
        moved = network()
        moved.gradient[:] = np.nan  # to be overwritten
        moved.backward(loss.gradient(moved.forward(x), y))
        rule(moved, decay=0.1).step(1)  # the first step of 1 is minus the gradient
        assert_same_gradient(parameters - moved.parameters, numerical)
