"""How good a classifier's predictions are."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from network.arrays import Floats, Labels
from network.loss import cross_entropy


class ClassScore(NamedTuple):
    """Precision: the share of a class's predictions that are right; recall: of its samples.

    Either is 0 where there is nothing to take a share of.
    """

    precision: float
    recall: float


class Assessment(NamedTuple):
    """Mean cross-entropy in nats, share and number of right and wrong, and each class's score."""

    loss: float
    accuracy: float
    errors: int
    classes: list[ClassScore]


def assess(logits: Floats, predicted: Labels, labels: Labels) -> Assessment:
    """Compare logits (n, classes) and the classes predicted (n,) with the labels (n,)."""
    errors = int(np.count_nonzero(predicted != labels))
    return Assessment(
        loss=float(cross_entropy(logits, labels).mean(dtype=np.float64)),
        accuracy=1 - errors / len(labels),
        errors=errors,
        classes=class_scores(confusion_matrix(labels, predicted, logits.shape[1])),
    )


class Bin(NamedTuple):
    """Of samples predicted about as surely: mean probability, share that is right, and number."""

    confidence: float
    accuracy: float
    samples: int


def reliability(probabilities: Floats, labels: Labels, bins: int = 15) -> list[Bin]:
    """Sort samples into bins of equal width by the probability of the class predicted.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 2.

    Parameters
    ----------
    probabilities : (n, classes), each row summing to one
    labels : (n,)

    Returns
    -------
    the bins that hold samples, from the least sure to the surest
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    numbers = np.ceil(confidence * bins).astype(np.intp)  # a bin holds its upper edge
    return [
        Bin(float(confidence[rows].mean()), float(right[rows].mean()), len(rows))
        for number in np.unique(numbers)
        for rows in [np.flatnonzero(numbers == number)]
    ]


def calibration_error(bins: list[Bin]) -> float:
    """ECE = Σ samples |accuracy - confidence| / Σ samples: Guo et al. 2017, equation 3."""
    total = sum(each.samples for each in bins)
    return sum(each.samples * abs(each.accuracy - each.confidence) for each in bins) / total


def confusion_matrix(labels: Labels, predicted: Labels, classes: int) -> NDArray[np.intp]:
    """Count samples by actual class (rows) and predicted class (columns): (classes, classes)."""
    pairs = labels.astype(np.intp) * classes + predicted
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def class_scores(confusion: NDArray[np.intp]) -> list[ClassScore]:
    """Score each class by a confusion matrix (classes, classes)."""
    right = confusion.diagonal()
    precision = right / np.maximum(confusion.sum(axis=0), 1)
    recall = right / np.maximum(confusion.sum(axis=1), 1)
    return [ClassScore(float(p), float(r)) for p, r in zip(precision, recall, strict=True)]
