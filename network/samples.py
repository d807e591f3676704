"""Images and labels, checked before training; targets from labels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from network.arrays import Floats, Labels

# initial weights are meant for inputs of magnitude 1; pixels from 0 to 255 train badly
LARGEST = 100


def checked(split: str, arrays: tuple[NDArray[Any], Labels], classes: int) -> tuple[Floats, Labels]:
    """Return images (n, features), converted to float32, and labels (n,); check both.

    Parameters
    ----------
    split : its name, with which messages begin
    arrays : images (n, features) of any real dtype, finite, within ±``LARGEST``, and labels (n,) of
        any integer dtype, in [0, ``classes``)

    Raises
    ------
    ValueError
        if an array is wrong; the message says how to mend it
    """
    images, labels = (np.asarray(array) for array in arrays)
    name = f"{split}: images"
    if images.ndim != 2 or images.shape[1] == 0 or images.dtype.kind not in "fiub":
        hint = "; use images.reshape(len(images), -1)" if images.ndim > 2 else ""
        raise ValueError(
            f"{name}: must be real numbers of shape (n, features),"
            f" are {images.dtype} of shape {images.shape}{hint}"
        )
    check_labels(f"{split}: labels", labels, classes)
    if len(labels) != len(images):
        raise ValueError(
            f"{split}: labels: must be {len(images)}, as there are images, are {len(labels)}"
        )
    if len(images):
        low, high = float(images.min()), float(images.max())
        if not np.isfinite([low, high]).all():
            raise ValueError(f"{name}: must be finite, contain NaN or infinity; replace them")
        if max(-low, high) > LARGEST:
            raise ValueError(
                f"{name}: must be numbers of magnitude 1, are in [{low:g}, {high:g}];"
                " divide pixels by 255, or standardize each feature"
            )
    return np.asarray(images, np.float32), labels


def one_hot(labels: Labels, classes: int) -> Floats:
    """Return targets (rows, classes), float32: in each row 1 at the label, and 0 elsewhere.

    Raises
    ------
    ValueError
        if ``labels`` are not whole numbers (rows,) in [0, ``classes``)
    """
    check_labels("labels", labels, classes)
    identity: Floats = np.eye(classes, dtype=np.float32)
    return identity[labels]


def check_labels(name: str, labels: Labels, classes: int) -> None:
    """Raise ValueError if labels are not whole numbers (rows,) in [0, ``classes``)."""
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        hint = "; if they are one-hot, pass labels.argmax(axis=1)" if labels.ndim == 2 else ""
        raise ValueError(
            f"{name}: must be whole numbers of shape (n,),"
            f" are {labels.dtype} of shape {labels.shape}{hint}"
        )
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(
            f"{name}: must be in [0, {classes}), are in [{labels.min()}, {labels.max()}];"
            " number the classes from 0, and set classes to their number"
        )
