"""The network: forward, evaluation, and its parameters as named arrays."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from network.arrays import Floats
from network.layers import Dropout
from network.loss import SoftmaxCrossEntropy
from network.model import Network
from network.samples import one_hot
from tests import reference

SIZES = [4, 3, 2]
network_sizes = st.lists(st.integers(1, 6), min_size=2, max_size=5)


def initialized(sizes: list[int], rate: float = 0) -> Network:
    generator = np.random.default_rng(2)
    dropout = [Dropout(rate, generator) if rate else None for _ in sizes[1:-1]]
    network = Network(sizes, dropout, dtype=np.float64)
    network.parameters[:] = np.random.default_rng(0).normal(size=network.parameters.shape)
    return network


@given(sizes=network_sizes, rows=st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_logits_and_gradients_are_those_of_the_reference(sizes: list[int], rows: list[int]) -> None:
    network = initialized(sizes)
    loss = SoftmaxCrossEntropy()
    generator = np.random.default_rng(1)
    for count in rows:
        x = generator.normal(size=(count, sizes[0]))
        labels = generator.integers(sizes[-1], size=count)
        state = network.state_dict()
        logits = network.forward(x)
        np.testing.assert_allclose(logits, reference.logits(x, state), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(network.logits(x), logits, rtol=1e-9, atol=1e-9)
        network.backward(loss.gradient(logits, one_hot(labels, sizes[-1])))
        found = reference.gradients(x, labels, state)
        assert list(network.gradients()) == list(state)
        for name, gradient in network.gradients().items():
            np.testing.assert_allclose(gradient, found[name], rtol=1e-9, atol=1e-9)
            assert np.shares_memory(gradient, network.gradient)
        outputs = network.outputs(x)
        np.testing.assert_array_equal(outputs[-1], network.logits(x))
        np.testing.assert_array_equal(network.predict(x), outputs[-1].argmax(axis=1))
        for before, after in zip(outputs[:-1:2], outputs[1::2], strict=True):
            np.testing.assert_array_equal(after, np.maximum(before, 0))


@pytest.mark.parametrize("rows", [1, 8, 30])
@pytest.mark.parametrize("rate", [0, 0.5])
def test_logits_between_forward_and_backward_do_not_change_the_gradient(
    rate: float, rows: int
) -> None:
    x, gradient = np.random.default_rng(0).normal(size=(8, 4)), np.full((8, 2), [0.5, -0.5])
    undisturbed, network = initialized(SIZES, rate), initialized(SIZES, rate)
    undisturbed.forward(x)
    undisturbed.backward(gradient)
    logits = network.forward(x)
    before = logits.copy()
    network.logits(np.full((rows, 4), -3.0))
    np.testing.assert_array_equal(logits, before)
    network.backward(gradient)
    np.testing.assert_array_equal(network.gradient, undisturbed.gradient)


def test_dropout_is_off_in_evaluation() -> None:
    x = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    dropout = Network([6, 50, 3], [Dropout(0.5, np.random.default_rng(1))])
    plain = Network([6, 50, 3])
    dropout.initialize(np.random.default_rng(2))
    plain.parameters[:] = dropout.parameters
    np.testing.assert_array_equal(dropout.logits(x), plain.logits(x))
    np.testing.assert_array_equal(dropout.copy().forward(x), plain.logits(x))
    assert not np.allclose(dropout.forward(x), plain.logits(x))


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


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f8", "g", "u1", "i8", "?"])
def test_images_of_any_real_dtype_are_converted(dtype: str) -> None:
    network = Network(SIZES)
    network.initialize(np.random.default_rng(0))
    x = np.array([[0, 1, 1, 0], [1, 1, 0, 1]])
    expected = network.logits(x.astype(np.float32))
    assert expected.dtype == np.float32
    np.testing.assert_array_equal(network.logits(x.astype(dtype)), expected)
    np.testing.assert_array_equal(network.forward(x.astype(dtype)), expected)
    np.testing.assert_array_equal(network.logits(x.tolist()), expected)


def test_logits_of_no_images_are_empty() -> None:
    assert Network(SIZES).logits(np.empty((0, 4))).shape == (0, 2)


@pytest.mark.parametrize(
    ("x", "found"),
    [
        (np.zeros((3, 5)), r"float64 of shape \(3, 5\)"),
        (np.zeros(4, np.uint8), r"uint8 of shape \(4,\)"),
        (np.zeros((1, 2, 4)), r"float64 of shape \(1, 2, 4\)"),
        (np.zeros((3, 4), complex), r"complex128 of shape \(3, 4\)"),
        (np.full((3, 4), "1"), r"<U1 of shape \(3, 4\)"),
        (np.full((3, 4), None), r"object of shape \(3, 4\)"),
    ],
)
def test_images_that_do_not_fit_are_refused(x: NDArray[Any], found: str) -> None:
    network = Network(SIZES)
    message = rf"^x: must be real numbers of shape \(rows, 4\), is {found}$"
    for function in (network.forward, network.logits, network.predict, network.outputs):
        with pytest.raises(ValueError, match=message):
            function(x)


def test_a_prediction_from_nan_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^x: must be finite, contains NaN or infinity"):
        Network(SIZES).predict(np.full((1, 4), np.nan))


def test_float16_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^dtype: must be float32 or float64, got float16$"):
        Network(SIZES, dtype=np.float16)  # type: ignore[arg-type]


def test_a_network_is_shown_with_sizes_and_parameters() -> None:
    assert repr(Network([784, 64, 10])) == "Network(784 → 64 → 10, 50,890 parameters)"


def test_state_is_made_of_views() -> None:
    network = Network(SIZES)
    state = network.state_dict()
    shapes = {name: array.shape for name, array in state.items()}
    assert shapes == {"W1": (4, 3), "b1": (3,), "W2": (3, 2), "b2": (2,)}
    state["W1"][:] = 7
    assert (network.parameters[:12] == 7).all()


@given(sizes=network_sizes, seed=st.integers(0, 2**32))
def test_a_network_is_rebuilt_from_its_state(sizes: list[int], seed: int) -> None:
    network = Network(sizes)
    network.parameters[:] = np.random.default_rng(seed).normal(size=network.parameters.shape)
    rebuilt = Network.from_state_dict(network.state_dict())
    assert rebuilt.sizes == tuple(sizes)
    np.testing.assert_array_equal(rebuilt.parameters, network.parameters)
    assert not np.shares_memory(rebuilt.parameters, network.parameters)


@given(sizes=network_sizes, data=st.data())
def test_a_state_of_no_network_is_refused(sizes: list[int], data: st.DataObject) -> None:
    state: dict[str, NDArray[Any]] = dict(Network(sizes).state_dict())
    name = data.draw(st.sampled_from(sorted(state)))
    array = state[name]
    wrong: NDArray[Any] | None = data.draw(
        st.sampled_from(
            [
                None,  # missing
                array.astype(str),
                array.astype(complex),
                array.astype(np.float64),
                array.astype(object),
                np.full_like(array, np.nan),
                np.full_like(array, -np.inf),
                array[..., :0],
                array[None],
                array.sum(),
                np.concatenate((array, array), axis=-1) if name != f"W{len(sizes) - 1}" else None,
            ]
        )
    )
    del state[name]
    if wrong is not None:
        state[name] = np.asarray(wrong)
    with pytest.raises(ValueError, match=r"^must contain|^[Wb]\d must (have|contain)"):
        Network.from_state_dict(state)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"W3": np.zeros((2, 2))}, "must contain W1, b1, W2, b2, contains W1, b1, W2, b2, W3"),
        ({"b2": np.zeros(3, np.float32)}, r"b2 must have shape \(2,\), has \(3,\)"),
        ({"W2": np.zeros((5, 2), np.float32)}, r"W2 must have shape \(3, 2\), has \(5, 2\)"),
        ({"W2": np.full((3, 2), np.inf, np.float32)}, "W2 must contain finite float32 numbers"),
        ({"W1": np.zeros((4, 3))}, "W1 must contain finite float32 numbers"),
        ({"W1": np.zeros((4, 0))}, "must contain W1, b1, W2, b2 and so on, each W a matrix"),
    ],
)
def test_a_refusal_describes_the_error(change: dict[str, Floats], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        Network.from_state_dict({**Network(SIZES).state_dict(), **change})
