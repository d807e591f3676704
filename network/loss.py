"""Softmax and cross-entropy of logits z and targets y, both (rows, classes).

Each row of y sums to one: ``samples.one_hot`` makes targets from labels. All functions of both
raise ValueError if the shapes differ.
"""

import numpy as np

from network.arrays import Floats


def softmax(z: Floats) -> Floats:
    """p = exp(z - max z) / Σ exp(z - max z), row by row: (rows, classes), each row summing to one.

    The shift by the maximum cancels out, and keeps exp in range for all finite logits.
    """
    powers: Floats = np.exp(z - z.max(axis=1, keepdims=True))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


def cross_entropy(z: Floats, y: Floats) -> Floats:
    """-Σ y log softmax(z) = log Σ exp(z - max z) - Σ y (z - max z), in nats, row by row: (rows,).

    It is computed from the logits, because a probability may round to zero, which has no logarithm.
    """
    _check_targets(z, y)
    shifted: Floats = z - z.max(axis=1, keepdims=True)
    loss: Floats = np.log(np.exp(shifted).sum(axis=1)) - (y * shifted).sum(axis=1)
    return loss


class SoftmaxCrossEntropy:
    """L = the mean over the rows of -Σ y log softmax(z)."""

    def value(self, z: Floats, y: Floats) -> float:
        """Return L."""
        return float(cross_entropy(z, y).mean())

    def gradient(self, z: Floats, y: Floats) -> Floats:
        """dL/dz = (p - y) / rows, with p = softmax(z): (rows, classes).

        Source: Bishop, "Pattern Recognition and Machine Learning", equation 4.109.
        """
        _check_targets(z, y)
        return (softmax(z) - y) / len(y)


def _check_targets(z: Floats, y: Floats) -> None:
    if z.shape != y.shape or z.ndim != 2:
        raise ValueError(
            f"targets: must have the shape of the logits, (rows, classes), {z.shape},"
            f" have {y.shape}; make them with one_hot(labels, classes)"
        )
