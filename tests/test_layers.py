"""Single layers in evaluation, and the masks of dropout."""

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


def dropout() -> Dropout:
    return Dropout(0.4, np.random.default_rng(0))


@pytest.mark.parametrize("create", [dense, ReLU, dropout])
def test_inference_does_not_change_the_layer(create: Callable[[], Layer]) -> None:
    x, gradient = np.random.default_rng(0).normal(size=(2, 16, UNITS))
    undisturbed, layer = create(), create()
    undisturbed.forward(x)
    expected = undisturbed.backward(gradient)
    y = layer.forward(x)
    before = y.copy()
    layer.infer(np.full((3, UNITS), -2.0))
    np.testing.assert_array_equal(y, before)
    np.testing.assert_array_equal(layer.backward(gradient), expected)


@given(sizes=st.lists(st.integers(1, 20), min_size=1, max_size=8))
def test_the_gradient_of_dropout_has_the_mask_of_its_batch(sizes: list[int]) -> None:
    layer = dropout()
    for rows in sizes:
        mask = layer.forward(np.ones((rows, UNITS)))
        gradient = np.random.default_rng(rows).normal(size=mask.shape)
        np.testing.assert_array_equal(layer.backward(gradient), mask * gradient)
        np.testing.assert_array_equal(layer.infer(gradient), gradient)


@given(
    rate=st.floats(0.01, 0.9), rows=st.sampled_from([1, 16, 100, 300]), seed=st.integers(0, 2**32)
)
def test_dropout_keeps_the_expectation(rate: float, rows: int, seed: int) -> None:
    layer = Dropout(rate, np.random.default_rng(seed))
    y = np.concatenate([layer.forward(np.ones((rows, 8))) for _ in range(4_000 // rows)])
    np.testing.assert_allclose(y[y > 0], 1 / (1 - rate), rtol=1e-4)
    deviation = math.sqrt(rate / (1 - rate) / y.size)
    assert abs(y.mean() - 1) < 6 * deviation


def test_dropout_masks_are_never_used_twice() -> None:
    layer = Dropout(0.5, np.random.default_rng(0))
    sizes = [16] * 40 + [300, 7, 16, 16]
    masks = {layer.forward(np.ones((rows, 64), np.float32)).tobytes() for rows in sizes}
    assert len(masks) == len(sizes)
