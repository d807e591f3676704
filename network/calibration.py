"""Probabilities that can be believed: a temperature for the logits."""

import numpy as np

from network.arrays import Floats, Labels
from network.loss import cross_entropy

TEMPERATURES = np.geomspace(0.5, 5, 100)


def fit_temperature(logits: Floats, labels: Labels) -> float:
    """T that makes the mean cross-entropy of softmax(z / T) least, to 1 percent.

    The most likely class stays the same. T > 1 lowers the probabilities of a network that claims
    too much, as one does after it has learned its training images by heart.
    Source: Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks", 2017.

    Parameters
    ----------
    logits : (rows, classes), of images that the network was not trained on
    labels : (rows,), in [0, classes)

    Returns
    -------
    in [0.5, 5]
    """
    losses = [cross_entropy(logits / T, labels).mean() for T in TEMPERATURES.astype(logits.dtype)]
    return float(TEMPERATURES[np.argmin(losses)])
