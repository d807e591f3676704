"""The arrays that ``preprocess`` writes and every later stage starts from."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.common.errors import StageError
from stages.common.paths import CLASSES, PROCESSED


def images_path(split: str) -> Path:
    """Name the images of ``train``, ``validation`` or ``test``."""
    return PROCESSED / f"{split}_images.npy"


def labels_path(split: str) -> Path:
    """Name the labels of ``train``, ``validation`` or ``test``."""
    return PROCESSED / f"{split}_labels.npy"


def load(split: str) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Read images (n, 784), memory-mapped, and labels (n,).

    Raises
    ------
    StageError
        if a file is not such an array, or the two differ in n
    """
    images = _load(images_path(split), np.dtype(np.float32), 2)
    labels = _load(labels_path(split), np.dtype(np.uint8), 1)
    if len(images) != len(labels):
        raise StageError(f"{images_path(split)}: {len(images)} images, but {len(labels)} labels")
    return images, labels


def load_classes() -> list[str]:
    """Read the names of the labels 0, 1, 2 and so on.

    Raises
    ------
    StageError
        if the file is not a list of names
    """
    try:
        classes = json.loads(CLASSES.read_bytes())
    except ValueError as error:
        raise StageError(f"{CLASSES}: not JSON: {error}") from None
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise StageError(f"{CLASSES}: must be a list of names")
    return classes


def _load(path: Path, dtype: np.dtype[Any], dimensions: int) -> NDArray[Any]:
    try:
        array = np.asarray(np.load(path, mmap_mode="r"))
    except (ValueError, EOFError) as error:
        raise StageError(f"{path}: not an .npy file: {error}") from None
    if array.dtype != dtype or array.ndim != dimensions:
        raise StageError(
            f"{path}: must be {dtype} in {dimensions} dimensions, is {array.dtype} in {array.ndim}"
        )
    return array
