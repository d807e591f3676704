"""Softmax and cross-entropy.

z are logits (rows, classes). y are targets (rows, classes), each row summing to one:
``samples.one_hot`` makes them from labels.
"""

import numpy as np

from network.arrays import Floats


def softmax(z: Floats) -> Floats:
    """p = exp(z - max z) / Σ exp(z - max z), row by row.

    The shift by the maximum cancels out, and keeps exp in range for all finite logits.

    Parameters
    ----------
    z : (rows, classes)

    Returns
    -------
    (rows, classes), each row summing to one
    """
    powers: Floats = np.exp(z - z.max(axis=1, keepdims=True))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


def cross_entropy(z: Floats, y: Floats) -> Floats:
    """-Σ y log softmax(z) = log Σ exp(z - max z) - Σ y (z - max z), in nats, row by row.

    It is computed from the logits, because a probability may round to zero, which has no logarithm.

    Parameters
    ----------
    z, y : (rows, classes)

    Returns
    -------
    (rows,)

    Raises
    ------
    ValueError
        if the shapes differ
    """
    _check_targets(z, y)
    shifted: Floats = z - z.max(axis=1, keepdims=True)
    loss: Floats = np.log(np.exp(shifted).sum(axis=1)) - (y * shifted).sum(axis=1)
    return loss


class SoftmaxCrossEntropy:
    """L = the mean over the rows of -Σ y log softmax(z)."""

    def value(self, z: Floats, y: Floats) -> float:
        """Return L for z and y (rows, classes)."""
        return float(cross_entropy(z, y).mean())

    def gradient(self, z: Floats, y: Floats) -> Floats:
        """dL/dz = (p - y) / rows, with p = softmax(z).

        Source: Bishop, "Pattern Recognition and Machine Learning", equation 4.109.

        Parameters
        ----------
        z, y : (rows, classes)

        Returns
        -------
        (rows, classes)

        Raises
        ------
        ValueError
            if the shapes differ
        """
        _check_targets(z, y)
        return (softmax(z) - y) / len(y)


def _check_targets(z: Floats, y: Floats) -> None:
    if z.shape != y.shape or z.ndim != 2:
        raise ValueError(
            f"targets: must have the shape of the logits, (rows, classes), {z.shape},"
            f" have {y.shape}; make them with one_hot(labels, classes)"
        )
