"""Convert a picture of a digit to MNIST's format.

MNIST's digits were fitted into 20 × 20 pixels with their proportions, and placed in 28 × 28 so that
their centre of mass is in the middle, at pixel 14 counted from 0.
Source: LeCun, Cortes & Burges, "The MNIST database of handwritten digits".
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE, DIGIT_SIDE = 28, 20
INK = 0.2  # share of the strongest: below it is paper, or a trace of compression
CONTRAST = 0.1  # least contrast of a digit, as a share of the largest possible


def center(brightness: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fit and centre a digit as MNIST's are, light on dark.

    Parameters
    ----------
    brightness : (height, width), in [0, 1]; the median of its border is the paper's

    Returns
    -------
    (28, 28), in [0, 1]

    Raises
    ------
    ValueError
        if nothing stands out from the paper
    """
    digit = crop(ink(brightness))
    scale = DIGIT_SIDE / max(digit.shape)
    height, width = (max(1, round(scale * side)) for side in digit.shape)
    # Pillow's filters average when they shrink, and this one stays within [0, 1]
    small = Image.fromarray(digit).resize((width, height), Image.Resampling.BILINEAR)
    return paste_by_mass(np.asarray(small))


def ink(brightness: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return each pixel's distance from the paper, as a share of the largest."""
    border = np.concatenate([*brightness[[0, -1]], *brightness[:, [0, -1]].T])
    distance: NDArray[np.float32] = np.abs(brightness - np.median(border))
    if distance.max() < CONTRAST:
        raise ValueError("shows nothing that stands out from its background")
    distance /= distance.max()
    return distance


def crop(digit: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut off the rows and columns without ink."""
    rows, columns = (np.flatnonzero((digit > INK).any(axis=axis)) for axis in (1, 0))
    return digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def paste_by_mass(digit: NDArray[np.float32]) -> NDArray[np.float32]:
    """Place a digit in the middle of an image, by its centre of mass."""
    image = np.zeros((SIDE, SIDE), np.float32)
    corner = []
    for axis, length in enumerate(digit.shape):
        masses = digit.sum(axis=1 - axis, dtype=np.float64)
        middle = float(masses @ np.arange(length)) / float(masses.sum())
        corner.append(min(max(round(SIDE / 2 - middle), 0), SIDE - length))
    top, left = corner
    image[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return image
