"""Softmax with cross-entropy."""

import numpy as np

from network.arrays import Floats, FloatType, Labels


def softmax(logits: Floats, out: Floats | None = None, row: Floats | None = None) -> Floats:
    """p = exp(z - max z) / Σ exp(z - max z), row by row.

    The shift by the maximum cancels, and keeps exp in range whatever the (finite) logits.

    Parameters
    ----------
    logits : (rows, classes)
    out : (rows, classes), where the result is written; allocated if not given
    row : (rows, 1), room for the maxima and sums; allocated if not given

    Returns
    -------
    (rows, classes), each row summing to one
    """
    row = np.maximum.reduce(logits, axis=1, keepdims=True, out=row)
    out = np.subtract(logits, row, out=out)
    np.exp(out, out=out)
    np.add.reduce(out, axis=1, keepdims=True, out=row)
    return np.divide(out, row, out=out)


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
        self._identity = np.eye(classes, dtype=dtype)
        self._allocate(0)

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
        p = softmax(logits, out=self._p, row=self._row)
        # the default mode would go through a copy, to leave `out` alone if an index were wrong
        self._identity.take(labels, axis=0, out=self._y, mode="clip")
        np.subtract(p, self._y, out=p)
        return np.divide(p, self._rows, out=p)

    def _allocate(self, rows: int) -> None:
        classes, dtype = len(self._identity), self._identity.dtype
        self._p, self._y = np.empty((rows, classes), dtype), np.empty((rows, classes), dtype)
        self._row, self._rows = np.empty((rows, 1), dtype), np.array(rows, dtype)
