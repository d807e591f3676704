"""Scores of predictions, and calibration."""

import math

import numpy as np
import pytest

from network.metrics import (
    Bin,
    calibration_error,
    class_scores,
    confusion_matrix,
    reliability,
    score_logits,
)


def test_scores_worked_out_by_hand() -> None:
    labels, predicted = np.array([0, 0, 1, 1, 1, 2], np.uint8), np.array([0, 1, 1, 1, 0, 0])
    confusion = confusion_matrix(labels, predicted, 4)
    np.testing.assert_array_equal(
        confusion, [[1, 1, 0, 0], [1, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    )
    assert class_scores(confusion) == [(1 / 3, 1 / 2), (2 / 3, 2 / 3), (0, 0), (0, 0)]
    logits = np.log(1 + np.eye(4)[predicted])  # p = 2/5 as predicted, else 1/5
    loss, accuracy = score_logits(logits, labels)
    assert accuracy == 0.5
    assert loss == pytest.approx(math.log(5) - math.log(2) / 2)


def test_labels_of_one_byte_do_not_overflow() -> None:
    labels = np.full(3, 199, np.uint8)
    assert confusion_matrix(labels, np.array([199, 0, 199]), 200)[199, 199] == 2


def test_reliability_worked_out_by_hand() -> None:
    probabilities = np.array([[0.5, 0.5], [0.625, 0.375], [0.25, 0.75], [0.875, 0.125]])
    bins = reliability(probabilities, np.array([1, 0, 0, 0]), bins=2)
    assert bins == [Bin(0.5, 0, 1), Bin(0.75, 2 / 3, 3)]
    assert calibration_error(bins) == pytest.approx((0.5 + 3 * (0.75 - 2 / 3)) / 4)
