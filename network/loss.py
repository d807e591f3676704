"""Softmax with cross-entropy."""

import numpy as np

from network.arrays import Floats, FloatType, Labels


def softmax(logits: Floats) -> Floats:
    """p = exp(z - max z) / Σ exp(z - max z), row by row.

    The shift by the maximum cancels, and keeps exp in range whatever the (finite) logits.

    Parameters
    ----------
    logits : (rows, classes)

    Returns
    -------
    (rows, classes), each row summing to one
    """
    powers: Floats = np.exp(logits - logits.max(axis=1, keepdims=True))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


def cross_entropy(logits: Floats, labels: Labels) -> Floats:
    """-log softmax(z)[label] = log Σ exp(z - max z) - (z - max z)[label], in nats.

    Taken from the logits, because a probability may round to zero and has no logarithm then.

    Parameters
    ----------
    logits : (rows, classes)
    labels : (rows,), in [0, classes)

    Returns
    -------
    (rows,)
    """
    shifted: Floats = logits - np.max(logits, axis=1, keepdims=True)
    log_sum: Floats = np.log(np.sum(np.exp(shifted), axis=1))
    return log_sum - shifted[np.arange(len(labels)), labels]


class SoftmaxCrossEntropy:
    """L = the mean over the batch of -log softmax(z)[label], as the start of the way back."""

    def __init__(self, classes: int, dtype: FloatType) -> None:
        self._identity: Floats = np.eye(classes, dtype=dtype)
        self._allocate(rows=1)

    def gradient(self, logits: Floats, labels: Labels) -> Floats:
        """dL/dz = (p - y) / rows, with p = softmax(z) and y the labels as rows of the identity.

        Source: Bishop, "Pattern Recognition and Machine Learning", equation 4.109.

        Parameters
        ----------
        logits : (rows, classes)
        labels : (rows,), in [0, classes)

        Returns
        -------
        (rows, classes), owned by this object
        """
        if len(logits) != len(self._y):
            self._allocate(len(logits))
        p, row = self._p, self._row
        np.maximum.reduce(logits, axis=1, keepdims=True, out=row)
        np.subtract(logits, row, p)
        np.exp(p, p)
        np.dot(p, self._rows, row)  # rows · Σ exp, so that p comes out divided by rows
        np.divide(p, row, p)
        # the default mode would go through a copy, to leave `out` alone if an index were wrong
        self._targets.take(labels, axis=0, out=self._y, mode="clip")
        return np.subtract(p, self._y, p)

    def _allocate(self, rows: int) -> None:
        classes, dtype = len(self._identity), self._identity.dtype
        self._p, self._y = np.empty((rows, classes), dtype), np.empty((rows, classes), dtype)
        self._row, self._rows = np.empty((rows, 1), dtype), np.full((classes, 1), rows, dtype)
        self._targets = self._identity / rows  # y / rows, by label
