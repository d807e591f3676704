"""Softmax and the cross-entropy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from network.arrays import Floats, FloatType
from network.loss import SoftmaxCrossEntropy, cross_entropy, softmax

logits_of = arrays(
    np.float64,
    st.tuples(st.integers(1, 5), st.integers(1, 6)),
    elements=st.floats(-1e4, 1e4),
)


@given(logits_of)
def test_softmax_sums_to_one(logits: Floats) -> None:
    p = softmax(logits)
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)


@given(logits_of, st.floats(-1e4, 1e4))
def test_softmax_is_invariant_to_a_shift(logits: Floats, shift: float) -> None:
    np.testing.assert_allclose(softmax(logits + shift), softmax(logits), rtol=1e-7, atol=1e-12)


def test_softmax_is_the_ratio_of_exponentials() -> None:
    p = softmax(np.log([[1.0, 2.0, 5.0]]))
    np.testing.assert_allclose(p, [[1 / 8, 2 / 8, 5 / 8]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_loss_is_accurate_at_logits_of_ten_thousand(dtype: FloatType) -> None:
    logits: Floats = np.array([[1e4, -1e4], [1e4, -1e4], [1e4, 1e4]], dtype)
    labels = np.array([0, 1, 0])
    np.testing.assert_allclose(cross_entropy(logits, labels), [0, 2e4, math.log(2)], rtol=1e-6)
    gradient = SoftmaxCrossEntropy(2, dtype).gradient(logits, labels)
    np.testing.assert_allclose(3 * gradient, [[0.0, 0.0], [1.0, -1.0], [-0.5, 0.5]], rtol=1e-6)


@given(logits_of, st.data())
def test_cross_entropy_is_minus_the_log_of_softmax(logits: Floats, data: st.DataObject) -> None:
    label = data.draw(st.integers(0, logits.shape[1] - 1))
    p = softmax(logits)[:, label]
    loss = cross_entropy(logits, np.full(len(logits), label))
    seen = p > 1e-300
    np.testing.assert_allclose(loss[seen], -np.log(p[seen]), rtol=1e-6, atol=1e-9)


def test_gradients_of_alternating_batch_sizes_are_those_of_a_new_loss() -> None:
    generator = np.random.default_rng(0)
    loss = SoftmaxCrossEntropy(4, np.float64)
    for rows in (5, 2, 5, 9, 1, 9):
        logits, labels = generator.normal(size=(rows, 4)), generator.integers(4, size=rows)
        expected = SoftmaxCrossEntropy(4, np.float64).gradient(logits, labels)
        np.testing.assert_array_equal(loss.gradient(logits, labels), expected)
