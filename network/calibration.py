"""Probabilities that can be believed: a temperature for the logits."""

import numpy as np

from network.arrays import Floats, Labels
from network.deformation import Deformation
from network.loss import cross_entropy
from network.samples import one_hot

TEMPERATURES = np.geomspace(0.5, 5, 100)
LIKELY = 0.7  # least probability of an answer; below it, about half of the answers are wrong

# limits of the deformation by which own pictures vary more than those of the data set
VARIATION = {"rotation": 8, "scale": 0.1, "shear": 0.12, "shift": 1, "elastic": 0.7}


def varied(images: Floats) -> Floats:
    """Return images (n, side * side) that vary as pictures from elsewhere do."""
    deform = Deformation(images.shape[1], **VARIATION)
    return deform(np.asarray(images, np.float32), np.random.default_rng(0))


def fit_temperature(logits: Floats, labels: Labels) -> float:
    """T in [0.5, 5] that minimizes the mean cross-entropy of softmax(z / T), to 3 percent.

    T > 1 lowers the probabilities of a network that claims too much. No prediction changes.
    Source: Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks", 2017.

    Parameters
    ----------
    logits : (rows, classes), for images that the network was not trained on
    labels : (rows,), in [0, classes)

    Returns
    -------
    the temperature, 1 if there are no rows
    """
    if len(labels) == 0:
        return 1.0
    y = one_hot(labels, logits.shape[1])
    losses = [cross_entropy(logits / T, y).mean() for T in TEMPERATURES]
    return float(TEMPERATURES[np.argmin(losses)])
