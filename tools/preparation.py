"""Convert the pixels of any picture to images as those that a network was trained on.

Ink is an array (height, width) in [0, 1]: 0 is paper, 1 is covered by the pen. The drawing board
repeats this file in JavaScript, in board/preparation.js; numbers that decide are rounded to nine
places before, so that a tie is decided in the same way there.
"""

from collections.abc import Callable
from typing import Any

from stages.shared.datasets import Preparation

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

SIDE, DIGIT_SIDE = 28, 20
WINDOW = 0.3  # of the picture's longer side: wider than a stroke, narrower than a shadow
CONTRAST = 0.1  # least distance between ink and paper; from black to white it is 1
LEVELS = 3  # paper, rulings, ink
TWO_CLASSES = 0.77  # separability of a single class, uniform; if normal, it has 0.64
CLEAN = 0.85  # least separability of a picture of ink and paper alone
STROKE = 2.5  # median width of MNIST's strokes, in pixels of a digit that fills 20 × 20
BLOT = 10  # above the width of any stroke in MNIST, in the same pixels
WIDEST = 2  # width / height, above that of all but 1 in 2,000 of MNIST's digits
SMALLEST = 5  # pixels of the height of a mark
MOST = 50  # marks in a picture
PLACES = 9
NEIGHBOURS = np.ones((3, 3))  # pixels that touch at a corner are connected

NOTHING = "nothing stands out from the paper"


def prepare_centred(pixels: Floats) -> NDArray[np.float32]:
    """Find the digits, and fit and centre each as MNIST's are.

    Parameters
    ----------
    pixels : (height, width, channels), in [0, 1]; paper of any colour, ink of any other

    Returns
    -------
    (digits, 28, 28), in [0, 1]; line by line, each from left to right

    Raises
    ------
    ValueError
        if nothing stands out from the paper, or something that is surely no digit
    """
    marks = find_marks(*find_ink(contrast(pixels)))
    for mark in marks:
        check(mark)
    return np.stack([center(thicken(mark)) for mark in marks])


def prepare_framed(pixels: Floats) -> NDArray[np.float32]:
    """Fit one thing into the frame, light on dark, as Fashion-MNIST's are.

    The colour of the corners is trimmed, the longer side fitted to 28 pixels, and the shorter one
    placed in the middle. A picture of 28 × 28 pixels stays as it is, but for dark on light.
    Source: Xiao, Rasul & Vollgraf, "Fashion-MNIST", 2017, section 2.

    Parameters
    ----------
    pixels : (height, width, channels), in [0, 1]

    Returns
    -------
    (1, 28, 28), in [0, 1]

    Raises
    ------
    ValueError
        if nothing stands out from the corners
    """
    grey = pixels[..., :3].mean(axis=2)
    corner = np.median(grey[[0, 0, -1, -1], [0, -1, 0, -1]]).round(PLACES)
    thing = np.abs(grey - corner).round(PLACES) >= CONTRAST
    if not thing.any():
        raise ValueError(NOTHING)
    if corner > 0.5:
        grey = 1 - grey
    if grey.shape != (SIDE, SIDE):
        small = fit(crop(grey, thing), SIDE)
        top, left = ((SIDE - length) // 2 for length in small.shape)
        grey = np.full((SIDE, SIDE), min(corner, 1 - corner))
        grey[top : top + small.shape[0], left : left + small.shape[1]] = small
    image: NDArray[np.float32] = grey.astype(np.float32)
    return image[None]


PREPARATIONS: dict[Preparation, Callable[[Floats], NDArray[np.float32]]] = {
    "centred": prepare_centred,
    "framed": prepare_framed,
}


def contrast(pixels: Floats) -> Floats:
    """Return each pixel's distance from the paper around it: (height, width), 0 on paper.

    Colours are projected on the axis along which neighbours differ most, and the rarer end of it is
    the ink. An opening by a window that is wider than a stroke leaves the paper, with its shading
    and the edges of shadows (Serra, "Image Analysis and Mathematical Morphology", 1982). Of dark
    ink the distance is proportional to the light, and so it is divided by that.
    """
    window = window_of(pixels)
    differences = pixels - ndimage.uniform_filter(pixels, (window, window, 1), mode="nearest")
    differences = differences.reshape(-1, pixels.shape[2])
    axis = np.linalg.eigh(differences.T @ differences)[1][:, -1]
    axis *= -np.copysign(1, axis.sum())  # the ink is darker,
    if ((differences @ axis) ** 3).sum() < -1e-6:  # unless that is skewed to the left
        axis = -axis
    projected = pixels @ axis
    distance: Floats = projected - opening(projected, window)
    if axis.sum() < 0:  # the ink is darker
        light = 0.1 - opening(-pixels.mean(axis=2), window)
        distance *= light.max() / light
    distance /= len(axis) ** 0.5
    return distance.round(PLACES)


def window_of(values: Floats) -> int:
    """Return the side of the window in pixels, an odd number."""
    return int(WINDOW * max(values.shape[:2])) | 1


def opening(values: Floats, window: int) -> Floats:
    """Return the highest of the minima of all windows that cover a pixel; borders are continued."""
    continued = np.pad(values, window, mode="edge")
    opened: Floats = ndimage.grey_opening(continued, (window, window))
    return opened[window:-window, window:-window]


def find_ink(distance: Floats) -> tuple[Floats, Mask]:
    """Return the ink, and a mask of the marks.

    The threshold is Otsu's, of the pixels near the most distant ones, so that a small mark counts.
    Rulings, dirt and things beside the paper stand out, too, but reach the border. So the
    threshold rises until half of the ink above it does not, while there are two classes to tell
    apart. In a clean picture marks may reach the border.

    Raises
    ------
    ValueError
        if there are no marks
    """
    if distance.max() < CONTRAST:
        raise ValueError(NOTHING)
    scale = 255 / distance.max()
    values = np.rint((scale * distance).round(PLACES)).astype(np.int64)
    paper = np.median(values)
    near = ndimage.maximum_filter(distance, window_of(distance)) >= distance.max() / 2
    values = values[near]
    for level in range(LEVELS):
        threshold, separability = otsu(values)
        above = values > threshold
        if above.all() or (level and separability < TWO_CLASSES):
            break
        low, high = np.median(values[~above]), np.median(values[above])
        ink = np.clip((scale * distance - low) / (high - low), 0, 1).round(PLACES)
        parts, _ = ndimage.label(ink > 0.5, NEIGHBOURS)
        mass = np.bincount(parts.ravel(), ink.ravel())
        mass[0] = 0
        free = mass.copy()
        free[border_of(parts)] = 0
        if not level and separability >= CLEAN and touches_as_digits(parts):
            free = mass
        if 2 * free.sum() >= mass.sum() and high - paper >= scale * CONTRAST:
            return ink, (free > free.max() / 20)[parts]
        values = values[above]
    raise ValueError(f"{NOTHING} and ends within the picture")


def border_of(values: NDArray[Any]) -> NDArray[Any]:
    """Return the values on the border, clockwise."""
    sides = values[0], values[1:, -1], values[-1, -2::-1], values[-2:0:-1, 0]
    return np.concatenate(sides)


def touches_as_digits(parts: NDArray[np.int32]) -> bool:
    """Tell whether parts touch the border once each or broadly, which rulings do not."""
    border = border_of(parts)
    touches = border[(border > 0) & (np.roll(border, 1) == 0)]
    broad = (border > 0).sum() > len(touches) * min(parts.shape) / DIGIT_SIDE
    return bool(broad or len(touches) == len(set(touches)))


def otsu(values: NDArray[np.int64]) -> tuple[int, float]:
    """Return the threshold in [0, 254] that separates two classes best, and the separability.

    The separability is the share of the variance that is between the classes, in [0, 1].
    Source: Otsu, "A threshold selection method from gray-level histograms", 1979, equations 12, 18.
    """
    counts = np.bincount(values, minlength=256)
    sums = counts * np.arange(256)
    below, above = counts.cumsum(), counts.sum() - counts.cumsum()
    means = (
        sums.cumsum() / np.maximum(below, 1),
        (sums.sum() - sums.cumsum()) / np.maximum(above, 1),
    )
    between = below * above * (means[0] - means[1]) ** 2 / len(values) ** 2
    return int(between.argmax()), float(between.max() / max(values.var(), 1e-9))


def stroke_width(mask: Mask) -> float:
    """Return the mean width of strokes: four times the mean distance of pixels to the edge."""
    distances = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    return float(4 * distances[mask].mean() - 2)


def find_marks(ink: Floats, mask: Mask) -> list[Floats]:
    """Cut out each mark, line by line and from left to right.

    Parts above one another are of one mark if less than a quarter of the tallest part's height is
    between them. A mark less than half as high as the highest one is dirt.

    Raises
    ------
    ValueError
        if the marks are too small or too many
    """
    parts, _ = ndimage.label(mask, NEIGHBOURS)
    reach = max(rows.stop - rows.start for rows, _ in ndimage.find_objects(parts)) // 4
    parts, _ = ndimage.label(ndimage.maximum_filter(mask, (reach | 1, 3)), NEIGHBOURS)
    parts[~mask] = 0
    boxes = dict(enumerate(ndimage.find_objects(parts), start=1))
    heights = {number: rows.stop - rows.start for number, (rows, _) in boxes.items()}
    tallest = max(heights.values())
    boxes = {number: box for number, box in boxes.items() if 2 * heights[number] >= tallest}
    if tallest < SMALLEST:
        raise ValueError(f"{NOTHING} but specks")
    if len(boxes) > MOST:
        raise ValueError(f"shows {len(boxes)} marks, must be at most {MOST}")
    radius = max(1, tallest // DIGIT_SIDE)
    return [
        crop(np.where(ndimage.maximum_filter(part, 2 * radius + 1), ink, 0), part)
        for part in (parts == number for number in reading_order(boxes))
    ]


def reading_order(boxes: dict[int, tuple[slice, slice]]) -> list[int]:
    """Return the numbers of the marks; one whose middle is above a line's end is on that line."""
    lines: list[list[int]] = []
    end = 0
    for number, (rows, _) in sorted(boxes.items(), key=lambda item: item[1][0].start):
        if rows.start + rows.stop >= 2 * end:
            lines.append([])
            end = rows.stop
        lines[-1].append(number)
    return [n for line in lines for n in sorted(line, key=lambda n: boxes[n][1].start)]


def check(ink: Floats) -> None:
    """Raise ValueError for a mark that is surely no digit."""
    height, width = ink.shape
    if width > WIDEST * height:
        raise ValueError(f"a mark is no digit: more than {WIDEST} times as wide as high")
    if stroke_width(ink > 0.5) > BLOT / DIGIT_SIDE * max(ink.shape):
        raise ValueError("a mark is no digit: a blot, not strokes")


def thicken(ink: Floats) -> Floats:
    """Bring strokes that are thinner than MNIST's to their median width; leave others."""
    missing = STROKE / DIGIT_SIDE * max(ink.shape) - stroke_width(ink > 0.5)
    if missing <= 0:
        return ink
    ink = np.pad(ink, int(missing) + 1)
    distance = ndimage.distance_transform_edt(ink <= 0.5)
    ink = np.maximum(ink, np.clip(missing / 2 + 1 - distance, 0, 1))
    return crop(ink, ink > 0.5)


def center(ink: Floats) -> NDArray[np.float32]:
    """Fit a digit into 20 × 20 pixels, and place it in 28 × 28 by its centre of mass.

    The centre is at pixel 14, counted from 0.
    Source: LeCun, Cortes & Burges, "The MNIST database of handwritten digits".
    """
    small = fit(ink, DIGIT_SIDE)
    image = np.zeros((SIDE, SIDE), np.float32)
    corner = []
    for axis, length in enumerate(small.shape):
        masses = small.sum(axis=1 - axis)
        middle = masses @ np.arange(length) / masses.sum()
        start = int((SIDE / 2 - middle + 0.5).round(PLACES))
        corner.append(min(max(start, 0), SIDE - length))
    top, left = corner
    image[top : top + small.shape[0], left : left + small.shape[1]] = small
    return image


def crop(values: Floats, mask: Mask) -> Floats:
    """Cut off the rows and columns that are not in the mask."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return values[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def fit(values: Floats, side: int) -> Floats:
    """Resample so that the longer side has that many pixels, and the proportions stay."""
    height, width = (
        max(1, int(side * length / max(values.shape) + 0.5)) for length in values.shape
    )
    fitted: Floats = resampling(values.shape[0], height) @ values
    return fitted @ resampling(values.shape[1], width).T


def resampling(old: int, new: int) -> Floats:
    """Return the weights (new, old) of bilinear resampling, which averages where it shrinks."""
    middles = (np.arange(new) + 0.5) * old / new - 0.5
    distances = np.abs(middles[:, None] - np.arange(old)) / max(old / new, 1)
    weights: Floats = np.maximum(1 - distances, 0)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights
