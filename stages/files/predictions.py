"""The test set and its predictions, which ``evaluate`` writes."""

from typing import NamedTuple

from stages.files import processed
from stages.files.paths import PREDICTIONS
from stages.files.reading import read_npz
from stages.running.errors import StageError

import numpy as np
from numpy.typing import NDArray


class Predictions(NamedTuple):
    """The test set, and the prediction for each image.

    Attributes
    ----------
    images : (n, 784), in [0, 1]
    labels, predicted : (n,), the actual and the predicted class
    probability : (n,), that of the predicted class
    classes : names of the classes
    """

    images: NDArray[np.float32]
    labels: NDArray[np.uint8]
    predicted: NDArray[np.intp]
    probability: NDArray[np.float32]
    classes: list[str]


def read_predictions() -> Predictions:
    """Read the test set with its predictions.

    Raises
    ------
    StageError
        if a file is malformed, or the files do not fit together
    """
    classes = processed.load_classes()
    images, labels = processed.load("test", len(classes))
    probabilities = read_npz(PREDICTIONS).get("probabilities")
    shape = len(labels), len(classes)
    if probabilities is None or probabilities.dtype != np.float32 or probabilities.shape != shape:
        raise StageError(f"{PREDICTIONS}: must hold probabilities, float32 of shape {shape}")
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise StageError(f"{PREDICTIONS}: must hold probabilities in [0, 1]")
    return Predictions(
        images, labels, probabilities.argmax(axis=1), probabilities.max(axis=1), classes
    )
