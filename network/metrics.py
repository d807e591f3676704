"""Measures of a classifier's predictions: loss, accuracy, confusion, calibration."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from network.arrays import Floats, Labels
from network.loss import cross_entropy
from network.model import Network
from network.samples import one_hot

# activations of the widest layer in the scoring of a block: 4 MiB in float32. Smaller blocks call
# NumPy more often, and each call may interrupt the thread that trains the next epoch.
BLOCK_ACTIVATIONS = 2**20


class Score(NamedTuple):
    """Mean cross-entropy in nats and share of correct predictions, dropout off."""

    loss: float
    accuracy: float


class ClassScore(NamedTuple):
    """Precision and recall of one class.

    Precision is the share of the samples predicted as the class that belong to it, recall the
    share of its samples that are predicted as it. Either is 0 where it would be 0 / 0.
    """

    precision: float
    recall: float


def score(network: Network, images: Floats, labels: Labels) -> Score:
    """Return the loss and accuracy on at least one sample, computed block by block."""
    rows = max(1, BLOCK_ACTIVATIONS // max(network.sizes[1:]))
    logits = [network.logits(images[i : i + rows]) for i in range(0, len(images), rows)]
    return score_logits(np.concatenate(logits), labels)


def score_logits(logits: Floats, labels: Labels) -> Score:
    """Return the loss and accuracy of logits (rows, classes) for labels (rows,), at least one."""
    loss = cross_entropy(logits, one_hot(labels, logits.shape[1])).mean(dtype=np.float64)
    return Score(float(loss), float((logits.argmax(axis=1) == labels).mean()))


def confusion_matrix(labels: Labels, predicted: Labels, classes: int) -> NDArray[np.intp]:
    """Count samples by actual class (rows) and predicted class (columns): (classes, classes)."""
    pairs = labels.astype(np.intp) * classes + predicted
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def class_scores(confusion: NDArray[np.intp]) -> list[ClassScore]:
    """Return precision and recall of each class of a confusion matrix."""
    right = confusion.diagonal()
    precision = right / np.maximum(confusion.sum(axis=0), 1)
    recall = right / np.maximum(confusion.sum(axis=1), 1)
    return [ClassScore(float(p), float(r)) for p, r in zip(precision, recall, strict=True)]


class Bin(NamedTuple):
    """Samples of similar confidence: their mean confidence, their accuracy and their number."""

    confidence: float
    accuracy: float
    samples: int


def reliability(probabilities: Floats, labels: Labels, bins: int = 15) -> list[Bin]:
    """Group samples into bins of equal width by their confidence, the largest probability.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 2.

    Parameters
    ----------
    probabilities : (n, classes), each row summing to one
    labels : (n,)
    bins : number of bins in [0, 1]

    Returns
    -------
    the bins that contain samples, by ascending confidence
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    numbers = np.ceil(confidence * bins).astype(np.intp)  # a bin includes its upper edge
    return [
        Bin(float(confidence[rows].mean()), float(right[rows].mean()), len(rows))
        for number in np.unique(numbers)
        for rows in [np.flatnonzero(numbers == number)]
    ]


def calibration_error(bins: list[Bin]) -> float:
    """ECE = Σ samples |accuracy - confidence| / Σ samples: Guo et al. 2017, equation 3."""
    total = sum(each.samples for each in bins)
    return sum(each.samples * abs(each.accuracy - each.confidence) for each in bins) / total
