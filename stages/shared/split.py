"""The split of the training set into training and validation samples."""

import numpy as np
from numpy.typing import NDArray


def stratified_split(
    labels: NDArray[np.uint8], validation_size: int, generator: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Choose validation samples at random, each class in proportion to its size.

    Each class receives its exact quota rounded down, and the classes with the largest remainders
    one more, until the sum is ``validation_size`` (the largest remainder method, Hamilton 1792).

    Parameters
    ----------
    labels : (n,)
    validation_size : in [0, n)
    generator : used for the choice alone

    Returns
    -------
    the rows of the training and of the validation samples, each ascending
    """
    classes, counts = np.unique(labels, return_counts=True)
    quotas, remainders = np.divmod(validation_size * counts, len(labels))
    largest = np.argsort(-remainders, kind="stable")[: validation_size - quotas.sum()]
    quotas[largest] += 1
    chosen = np.zeros(len(labels), np.bool_)
    for label, quota in zip(classes, quotas, strict=True):
        chosen[generator.permutation(np.flatnonzero(labels == label))[:quota]] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)
