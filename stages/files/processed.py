"""The arrays and class names that ``preprocess`` writes and later stages read."""

from pathlib import Path

from stages.files.paths import CLASSES, PROCESSED
from stages.files.reading import read_json, read_npy
from stages.running.errors import StageError

import numpy as np
from numpy.typing import NDArray

ROWS_CHECKED = 10_000  # at a time, so that memory stays bounded


def images_path(split: str) -> Path:
    """Return the path of the images of ``train``, ``validation`` or ``test``."""
    return PROCESSED / f"{split}_images.npy"


def labels_path(split: str) -> Path:
    """Return the path of the labels of ``train``, ``validation`` or ``test``."""
    return PROCESSED / f"{split}_labels.npy"


def load(split: str, classes: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Read images (n, pixels), memory-mapped, and labels (n,) of a split.

    Raises
    ------
    StageError
        if a file is not such an array, the two differ in n, a pixel is not in [0, 1], or a label
        not in [0, classes)
    """
    images, labels = read_npy(images_path(split)), read_npy(labels_path(split))
    if images.dtype != np.float32 or images.ndim != 2 or images.shape[1] == 0:
        raise StageError(
            f"{images_path(split)}: must be float32 of shape (n, pixels),"
            f" is {images.dtype} of shape {images.shape}"
        )
    if labels.dtype != np.uint8 or labels.shape != images.shape[:1]:
        raise StageError(
            f"{labels_path(split)}: must be uint8 of shape ({len(images)},), as there are images,"
            f" is {labels.dtype} of shape {labels.shape}"
        )
    for start in range(0, len(images), ROWS_CHECKED):
        rows = images[start : start + ROWS_CHECKED]
        if not (rows.min() >= 0 and rows.max() <= 1):
            raise StageError(f"{images_path(split)}: must hold numbers in [0, 1]")
    if len(labels) and labels.max() >= classes:
        raise StageError(
            f"{labels_path(split)}: must hold labels below {classes}, the number of classes,"
            f" holds {labels.max()}"
        )
    return images, labels


def load_classes(path: Path = CLASSES) -> list[str]:
    """Read the names of the labels 0, 1, 2 and so on.

    Raises
    ------
    StageError
        if the file is not a list of 2 to 256 different names
    """
    classes = read_json(path)
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise StageError(f"{path}: must be a list of names")
    if not 2 <= len(set(classes)) == len(classes) <= 256:
        raise StageError(f"{path}: must hold from 2 to 256 different names")
    return classes
