"""Softmax with cross-entropy."""

import numpy as np

from network.arrays import Floats, FloatType, Labels, with_rows


def softmax(logits: Floats) -> Floats:
    """p = exp(z - max z) / Σ exp(z - max z), row by row.

    The shift by the maximum cancels out, and keeps exp in range for all finite logits.

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

    It is computed from the logits, because a probability may round to zero, which has no logarithm.

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
    """L = the mean over the batch of -log softmax(z)[label].

    Parameters
    ----------
    classes : number of classes
    dtype : that of the logits
    """

    def __init__(self, classes: int, dtype: FloatType) -> None:
        self._identity: Floats = np.eye(classes, dtype=dtype)
        self._p: Floats = np.empty((0, classes), dtype)
        self._y: Floats = np.empty((0, classes), dtype)

    def gradient(self, logits: Floats, labels: Labels) -> Floats:
        """Gradient of the mean cross-entropy with respect to the logits.

        dL/dz = (p - y) / rows, with p = softmax(z) and y the labels as rows of the identity.
        Source: Bishop, "Pattern Recognition and Machine Learning", equation 4.109.

        Parameters
        ----------
        logits : (rows, classes)
        labels : (rows,), in [0, classes)

        Returns
        -------
        (rows, classes), overwritten by the next call
        """
        if len(logits) != len(self._p):
            self._resize(len(logits))
        p, row = self._p, self._row
        np.maximum.reduce(logits, axis=1, keepdims=True, out=row)
        np.subtract(logits, row, p)
        np.exp(p, p)
        np.dot(p, self._rows, row)  # rows · Σ exp, so that p comes out divided by rows
        np.divide(p, row, p)
        # the default mode would copy, to keep `out` unchanged if an index were out of range
        self._targets.take(labels, axis=0, out=self._y, mode="clip")
        return np.subtract(p, self._y, p)

    def _resize(self, rows: int) -> None:
        classes, dtype = len(self._identity), self._identity.dtype
        self._p, self._y = with_rows(self._p, rows), with_rows(self._y, rows)
        self._row, self._rows = np.empty((rows, 1), dtype), np.full((classes, 1), rows, dtype)
        self._targets = self._identity / rows  # y / rows, by label
