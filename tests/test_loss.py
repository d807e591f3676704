"""Softmax, the cross-entropy, and targets."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from network.arrays import Floats, FloatType
from network.loss import SoftmaxCrossEntropy, cross_entropy, softmax
from network.samples import one_hot

logits_of = arrays(
    np.float64,
    st.tuples(st.integers(1, 5), st.integers(1, 6)),
    elements=st.floats(-1e4, 1e4),
)


@given(logits_of, st.floats(-1e4, 1e4))
def test_softmax_sums_to_one_and_is_invariant_to_a_shift(logits: Floats, shift: float) -> None:
    p = softmax(logits)
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(softmax(logits + shift), p, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_loss_is_accurate_at_logits_of_ten_thousand(dtype: FloatType) -> None:
    z: Floats = np.array([[1e4, -1e4], [1e4, -1e4], [1e4, 1e4]], dtype)
    y = one_hot(np.array([0, 1, 0]), 2)
    np.testing.assert_allclose(cross_entropy(z, y), [0, 2e4, math.log(2)], rtol=1e-6)
    assert SoftmaxCrossEntropy().value(z, y) == pytest.approx((2e4 + math.log(2)) / 3)
    gradient = SoftmaxCrossEntropy().gradient(z, y)
    assert gradient.dtype == dtype
    np.testing.assert_allclose(3 * gradient, [[0.0, 0.0], [1.0, -1.0], [-0.5, 0.5]], rtol=1e-6)


@given(logits_of, st.data())
def test_cross_entropy_is_minus_the_log_of_softmax(z: Floats, data: st.DataObject) -> None:
    label = data.draw(st.integers(0, z.shape[1] - 1))
    p = softmax(z)[:, label]
    loss = cross_entropy(z, one_hot(np.full(len(z), label), z.shape[1]))
    seen = p > 1e-300
    np.testing.assert_allclose(loss[seen], -np.log(p[seen]), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("y", [np.zeros(3), np.zeros((3, 2))])
def test_labels_in_place_of_targets_are_refused(y: Floats) -> None:
    z = np.zeros((len(y), 3))
    for function in (cross_entropy, SoftmaxCrossEntropy().gradient, SoftmaxCrossEntropy().value):
        with pytest.raises(ValueError, match=r"^targets: must .* make them with one_hot\(labels"):
            function(z, y)


def test_wrong_labels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^labels: must be in \[0, 3\), are in \[0, 3\]"):
        one_hot(np.array([0, 3]), 3)
