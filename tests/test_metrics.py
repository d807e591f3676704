"""Evaluation of predictions, and calibration."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.loss import cross_entropy
from network.metrics import Bin, Evaluation, calibration_error, confusion_matrix, reliability
from network.samples import one_hot


def test_evaluation_worked_out_by_hand() -> None:
    labels, predicted = np.array([0, 0, 1, 1, 1, 2], np.uint8), np.array([0, 1, 1, 1, 0, 0])
    confusion = [[1, 1, 0, 0], [1, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(confusion_matrix(labels, predicted, 4), confusion)
    evaluation = Evaluation(4)
    evaluation.add(np.log(1 + np.eye(4)[predicted]), labels)  # p = 2/5 as predicted, else 1/5
    np.testing.assert_array_equal(evaluation.confusion, confusion)
    assert (evaluation.samples, evaluation.errors, evaluation.accuracy) == (6, 3, 0.5)
    assert evaluation.loss == pytest.approx(math.log(5) - math.log(2) / 2)
    assert evaluation.class_scores() == [(1 / 3, 1 / 2), (2 / 3, 2 / 3), (0, 0), (0, 0)]


@given(cuts=st.lists(st.integers(0, 50)), seed=st.integers(0, 2**32))
def test_an_evaluation_is_the_same_in_any_batches(cuts: list[int], seed: int) -> None:
    generator = np.random.default_rng(seed)
    logits, labels = generator.normal(size=(50, 3)), generator.integers(3, size=50)
    evaluation = Evaluation(3)
    for batch in np.split(np.arange(50), sorted(cuts)):
        evaluation.add(logits[batch], labels[batch])
    predicted = logits.argmax(axis=1)
    assert evaluation.accuracy == (predicted == labels).mean()
    assert evaluation.errors == (predicted != labels).sum()
    assert evaluation.loss == pytest.approx(
        cross_entropy(logits, one_hot(labels, 3)).mean(), rel=1e-12
    )
    np.testing.assert_array_equal(evaluation.confusion, confusion_matrix(labels, predicted, 3))


def test_labels_of_one_byte_do_not_overflow() -> None:
    labels = np.full(3, 199, np.uint8)
    assert confusion_matrix(labels, np.array([199, 0, 199]), 200)[199, 199] == 2


def test_reliability_worked_out_by_hand() -> None:
    probabilities = np.array([[0.5, 0.5], [0.625, 0.375], [0.25, 0.75], [0.875, 0.125]])
    bins = reliability(probabilities, np.array([1, 0, 0, 0]), bins=2)
    assert bins == [Bin(0.5, 0, 1), Bin(0.75, 2 / 3, 3)]
    assert calibration_error(bins) == pytest.approx((0.5 + 3 * (0.75 - 2 / 3)) / 4)
