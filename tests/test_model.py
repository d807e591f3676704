"""The network: forward, evaluation, and its parameters as named arrays."""

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from examples import plain
from network.arrays import FloatType
from network.layers import Dropout
from network.loss import SoftmaxCrossEntropy, softmax
from network.model import Network
from network.samples import one_hot
from tests.blobs import layers_of

SIZES = [4, 3, 2]
W1, B1, W2, B2 = Network(SIZES).state_dict().values()
network_sizes = st.lists(st.integers(1, 6), min_size=2, max_size=5)


def initialized(sizes: list[int], rate: float = 0, dtype: FloatType = np.float64) -> Network:
    generator = np.random.default_rng(2)
    dropout = [Dropout(rate, generator) if rate else None for _ in sizes[1:-1]]
    network = Network(sizes, dropout, dtype=dtype)
    network.parameters[:] = np.random.default_rng(0).normal(size=network.parameters.shape)
    return network


@given(sizes=network_sizes, rows=st.integers(1, 9))
def test_logits_and_gradients_are_those_of_the_plain_file(sizes: list[int], rows: int) -> None:
    network, loss = initialized(sizes), SoftmaxCrossEntropy()
    layers = layers_of(network)
    generator = np.random.default_rng(1)
    x = generator.normal(size=(rows, sizes[0]))
    y = one_hot(generator.integers(sizes[-1], size=rows), sizes[-1])
    logits = network.forward(x)
    np.testing.assert_allclose(softmax(logits), plain.forward(layers, x)[0], atol=1e-9)
    np.testing.assert_array_equal(network.predict(x), logits.argmax(axis=1))
    network.backward(loss.gradient(logits, y))
    expected = sum(plain.gradients(layers, x, y), ())
    for ours, theirs in zip(network.gradients().values(), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("rate", [0, 0.5])
def test_evaluation_is_without_dropout_and_leaves_the_gradient_as_it_is(rate: float) -> None:
    x, gradient = np.random.default_rng(0).normal(size=(8, 4)), np.full((8, 2), [0.5, -0.5])
    undisturbed, network = initialized(SIZES, rate), initialized(SIZES, rate)
    undisturbed.forward(x)
    undisturbed.backward(gradient)
    network.forward(x)
    others = np.full((9, 4), -3.0)
    np.testing.assert_array_equal(network.logits(others), initialized(SIZES).logits(others))
    np.testing.assert_array_equal(network.outputs(others)[-1], network.logits(others))
    network.backward(gradient)
    np.testing.assert_array_equal(network.gradient, undisturbed.gradient)


def test_initialization_is_that_of_he() -> None:
    network = Network([400, 300, 10])
    network.parameters[:] = 1
    network.initialize(np.random.default_rng(0))
    arrays = network.state_dict()
    for name, fan_in in (("W1", 400), ("W2", 300)):
        weights = arrays[name]
        deviation = math.sqrt(2 / fan_in)
        assert weights.dtype == np.float32
        assert abs(weights.mean()) < 5 * deviation / math.sqrt(weights.size)
        assert weights.std() == pytest.approx(deviation, rel=5 / math.sqrt(2 * weights.size))
    assert not arrays["b1"].any()
    assert not arrays["b2"].any()


@pytest.mark.parametrize("dtype", ["f2", "f8", ">f8", "g", "u1", "i8", "?"])
def test_images_of_any_real_dtype_are_converted(dtype: str) -> None:
    network = initialized(SIZES, dtype=np.float32)
    x = np.array([[0, 1, 1, 0], [1, 1, 0, 1]])
    expected = network.logits(x.astype(np.float32))
    assert expected.dtype == np.float32
    for given_x in (x.astype(dtype), x.tolist()):
        np.testing.assert_array_equal(network.logits(given_x), expected)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((3, 5)), "must be real numbers of shape (rows, 4), is float64 of shape (3, 5)"),
        (np.zeros(4, "u1"), "must be real numbers of shape (rows, 4), is uint8 of shape (4,)"),
        (np.full((3, 4), "1"), "must be real numbers of shape (rows, 4), is <U1 of shape (3, 4)"),
        (np.full((1, 4), np.nan), "must be finite, contains NaN or infinity; replace those values"),
    ],
)
def test_images_that_do_not_fit_are_refused(x: NDArray[Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^x: {re.escape(message)}$"):
        Network(SIZES).predict(x)


def test_a_network_is_shown_with_sizes_and_parameters() -> None:
    assert repr(Network([784, 64, 10])) == "Network(784 → 64 → 10, 50,890 parameters)"


@given(sizes=network_sizes, seed=st.integers(0, 2**32))
def test_a_network_is_rebuilt_from_its_state(sizes: list[int], seed: int) -> None:
    network = Network(sizes)
    network.parameters[:] = np.random.default_rng(seed).normal(size=network.parameters.shape)
    rebuilt = Network.from_state_dict(network.state_dict())
    assert rebuilt.sizes == tuple(sizes)
    assert list(rebuilt.state_dict()) == list(rebuilt.gradients())
    np.testing.assert_array_equal(rebuilt.parameters, network.parameters)
    assert not np.shares_memory(rebuilt.parameters, network.parameters)


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ({}, "nothing"),
        ({"W1": W1}, "W1 (4, 3)"),
        ({"b1": B1}, "b1 (3,)"),
        ({"W1": W1[:, :0], "b1": B1[:0]}, "W1 (4, 0), b1 (0,)"),
        ({"W1": W1[None], "b1": B1}, "W1 (1, 4, 3), b1 (3,)"),
        ({"W1": B1[0], "b1": B1[0]}, "W1 (), b1 ()"),
        ({"W1": W1, "b1": B1, "W2": W2}, "W1 (4, 3), b1 (3,), W2 (3, 2)"),
        ({"W1": W1, "b1": B1, "W3": W2, "b2": B2}, "W1 (4, 3), b1 (3,), W3 (3, 2), b2 (2,)"),
        ({"W1": W1, "b1": B1, "W2": W1, "b2": B1}, "W1 (4, 3), b1 (3,), W2 (4, 3), b2 (3,)"),
        ({"W1": W1, "b1": B2}, "W1 (4, 3), b1 (2,)"),
    ],
)
def test_a_state_of_no_network_is_refused(state: dict[str, NDArray[Any]], found: str) -> None:
    expected = "must contain W1 (in, out), b1 (out,), W2, b2 and so on that fit, contains "
    with pytest.raises(ValueError, match=f"^{re.escape(expected + found)}$"):
        Network.from_state_dict(state)


@pytest.mark.parametrize(
    "bias", [B1 * np.nan, B1 - np.inf, *(B1.astype(kind) for kind in (float, complex, object, str))]
)
def test_a_state_of_other_numbers_is_refused(bias: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match=r"^b1 must contain finite float32 numbers$"):
        Network.from_state_dict({"W1": W1, "b1": bias})
