"""Single layers: batches of any size, evaluation, the masks of dropout."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.layers import Dense, Dropout, Layer, ReLU

UNITS = 5


def dense() -> Dense:
    generator = np.random.default_rng(0)
    weights, bias = generator.normal(size=(UNITS, UNITS)), generator.normal(size=UNITS)
    return Dense(weights, bias, np.empty_like(weights), np.empty_like(bias))


def relu() -> ReLU:
    return ReLU(UNITS, np.float64)


def dropout() -> Dropout:
    return Dropout(UNITS, 0.4, np.random.default_rng(0), np.float64)


batch_sizes = st.lists(st.integers(1, 20), min_size=1, max_size=8)
every_layer = pytest.mark.parametrize("create", [dense, relu, dropout])


@pytest.mark.parametrize("create", [dense, relu])
@given(sizes=batch_sizes)
def test_batches_of_any_sizes_give_the_results_of_a_new_layer(
    create: Callable[[], Layer], sizes: list[int]
) -> None:
    generator = np.random.default_rng(1)
    layer = create()
    for rows in sizes:
        new = create()
        x, gradient = generator.normal(size=(2, rows, UNITS))
        np.testing.assert_array_equal(layer.forward(x), new.forward(x))
        np.testing.assert_array_equal(layer.backward(gradient), new.backward(gradient))
        if isinstance(layer, Dense) and isinstance(new, Dense):
            np.testing.assert_array_equal(layer.weights_gradient, new.weights_gradient)
            np.testing.assert_array_equal(layer.bias_gradient, new.bias_gradient)


@given(sizes=batch_sizes)
def test_the_gradient_of_dropout_has_the_mask_of_its_batch(sizes: list[int]) -> None:
    layer = dropout()
    for rows in sizes:
        mask = layer.forward(np.ones((rows, UNITS))).copy()
        gradient = np.random.default_rng(rows).normal(size=mask.shape)
        np.testing.assert_array_equal(layer.backward(gradient), mask * gradient)


@every_layer
def test_smaller_batches_use_the_memory_of_the_largest(create: Callable[[], Layer]) -> None:
    layer = create()
    y = layer.forward(np.ones((16, UNITS)))
    x_gradient = layer.backward(np.ones((16, UNITS)))
    for rows in (7, 16, 1, 16):
        assert np.shares_memory(layer.forward(np.ones((rows, UNITS))), y)
        assert np.shares_memory(layer.backward(np.ones((rows, UNITS))), x_gradient)
    assert not np.shares_memory(layer.forward(np.ones((17, UNITS))), y)


@every_layer
@pytest.mark.parametrize("rows", [1, 16, 40])
def test_inference_does_not_change_the_layer(create: Callable[[], Layer], rows: int) -> None:
    x, gradient = np.random.default_rng(0).normal(size=(2, 16, UNITS))
    undisturbed, layer = create(), create()
    undisturbed.forward(x)
    expected = undisturbed.backward(gradient)
    y = layer.forward(x)
    before = y.copy()
    inferred = layer.infer(np.full((rows, UNITS), -2.0))
    kept = inferred.copy()
    np.testing.assert_array_equal(y, before)
    np.testing.assert_array_equal(layer.backward(gradient), expected)
    layer.infer(np.ones((rows, UNITS)))
    layer.forward(np.ones((rows, UNITS)))
    np.testing.assert_array_equal(inferred, kept)


@given(
    rate=st.floats(0.01, 0.9), rows=st.sampled_from([1, 16, 100, 300]), seed=st.integers(0, 2**32)
)
def test_dropout_keeps_the_expectation(rate: float, rows: int, seed: int) -> None:
    layer = Dropout(8, rate, np.random.default_rng(seed), np.float64)
    batches = 4_000 // rows
    y = np.concatenate([layer.forward(np.ones((rows, 8))).copy() for _ in range(batches)])
    np.testing.assert_allclose(y[y > 0], 1 / (1 - rate), rtol=1e-4)
    deviation = math.sqrt(rate / (1 - rate) / y.size)
    assert abs(y.mean() - 1) < 6 * deviation


def test_dropout_masks_are_never_used_twice() -> None:
    layer = Dropout(64, 0.5, np.random.default_rng(0))
    sizes = [16] * 40 + [300, 7, 16, 16]
    masks = {layer.forward(np.ones((rows, 64), np.float32)).tobytes() for rows in sizes}
    assert len(masks) == len(sizes)
