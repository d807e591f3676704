"""Convert the pixels of any picture to images like those that a network was trained on.

Ink is an array (height, width) in [0, 1]: 0 is paper, 1 is covered by the pen.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from stages.shared.datasets import Preparation

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from scipy.sparse.csgraph import connected_components

Floats = NDArray[np.float64]
Images = NDArray[np.float32]
Mask = NDArray[np.bool_]
Confidence = Callable[[Images], NDArray[np.floating]]

SIDE, DIGIT_SIDE = 28, 20
WINDOW = 0.3  # share of the picture's longer side: wider than a stroke, narrower than a shadow
CONTRAST = 0.1  # least distance between ink and paper; from black to white it is 1
LEVELS = 3  # paper, rulings, ink
TWO_CLASSES, CLEAN = 0.77, 0.85  # variance between classes, of one uniform; of ink and paper alone
EDGE = 3  # stroke widths of a digit that the picture's border may cut
STROKE = 2.5  # median width of MNIST's strokes, in pixels of a digit that fills 20 × 20
BLOT = 10  # above the width of any stroke in MNIST, in the same pixels
WIDEST = 2  # width / height, above that of all but 1 in 2,000 of MNIST's digits
HOLES = 20  # in a digit, at most; chalk has some
FAINT = 0.7  # most ink in a pixel of a shadow's edge or a ruling
SMALLEST, SMALLER = 5, 0.32  # height of a digit, in pixels and of the tallest one's
MOST = 50  # marks in a picture
PIECE = 0.35  # share of the larger part's height, below which a part is no digit
NEAR, NEAR_PIECE, BROKEN = 0.25, 0.35, 0.05  # distance of parts, of their longest side
NARROW, BROKEN_WIDEST = 0.8, 1.2  # width / height; two digits, but for ones, are wider
TALLER = 1.4  # times the height of other digits: two digits above one another
SURE = 0.9  # probability of a digit that is joined of two parts
SLOPES = np.tan(np.radians(np.arange(-15, 15.5, 0.5)))

CORNERS = np.ones((3, 3))  # pixels that touch at a corner are connected
NOTHING = "nothing stands out from the paper"
CERTAIN: Confidence = lambda images: np.ones(len(images))  # noqa: E731
Judge = Callable[[list["Mark"]], NDArray[np.floating]]  # the same of marks


class Prepared(NamedTuple):
    """Images (n, 28, 28) in [0, 1], in reading order, and a name for the marks left out."""

    images: Images
    left_out: str = ""


class Mark:
    """Pixels of a picture, a mask (height, width), that are read as one."""

    def __init__(self, mask: Mask) -> None:
        ((rows, columns),) = ndimage.find_objects(mask.astype(np.uint8))
        self.mask = mask
        self.height, self.width = rows.stop - rows.start, columns.stop - columns.start
        self.y, self.x = rows.start + self.height / 2, columns.start + self.width / 2
        self.longest = max(self.height, self.width)


def prepare_centred(pixels: Floats, confidence: Confidence = CERTAIN) -> Prepared:
    """Find the digits in pixels (height, width, channels), and fit and centre each as MNIST's are.

    Paper and ink have any colours. Two marks are joined where one digit is likelier than two by
    ``confidence``, the probability (n,) of the likeliest class of images (n, 28, 28). If nothing
    stands out, no mark is a digit, or there are too many, a ValueError is raised.
    """
    ink, mask = find_ink(contrast(pixels))
    marks, faint = find_marks(ink, mask)
    marks = join(marks, lambda parts: confidence(images_of(parts, ink)))
    kinds = {mark: kind_of(mark) for mark in marks}
    digits = [mark for mark, kind in kinds.items() if not kind]
    least = max([SMALLEST, *(SMALLER * mark.height for mark in digits)])
    digits = [mark for mark in digits if mark.height >= least]
    kinds |= {mark: "smaller mark" for mark in marks if mark.height < least}
    counts = Counter([*filter(None, kinds.values()), *faint * ["faint mark"]])
    left_out = ", ".join(f"{n} {kind}{'s' * (n > 1)}" for kind, n in counts.items())
    if not digits:
        raise ValueError(f"{NOTHING} but {left_out or 'specks'}")
    return Prepared(images_of(in_reading_order(digits), ink), left_out and f"{left_out} left out")


def prepare_framed(pixels: Floats, _: Confidence = CERTAIN) -> Prepared:
    """Fit one thing into the frame, light on dark, as Fashion-MNIST's are.

    The colour of the corners is trimmed, the longer side fitted to 28 pixels, and the shorter one
    placed in the middle. A picture of 28 × 28 pixels stays as it is, but for dark on light.
    Source: Xiao, Rasul & Vollgraf, "Fashion-MNIST", 2017, section 2.
    """
    grey = pixels[..., :3].mean(axis=2)
    corner = np.median(grey[[0, 0, -1, -1], [0, -1, 0, -1]])
    thing = np.abs(grey - corner) >= CONTRAST
    if not thing.any():
        raise ValueError(NOTHING)
    if corner > 0.5:
        grey = 1 - grey
    if grey.shape != (SIDE, SIDE):
        small = fit(crop(grey, thing), SIDE)
        before = [(SIDE - length) // 2 for length in small.shape]
        grey = place(small, before, min(corner, 1 - corner))
    return Prepared(grey.astype(np.float32)[None])


Prepare = Callable[[Floats, Confidence], Prepared]
PREPARATIONS: dict[Preparation, Prepare] = {"centred": prepare_centred, "framed": prepare_framed}


def contrast(pixels: Floats) -> Floats:
    """Return each pixel's distance from the paper around it: (height, width), 0 on paper.

    Colours are projected on the axis along which neighbours differ most, and the rarer end of it is
    the ink. An opening by a window that is wider than a stroke leaves the paper, with its shading
    and the edges of shadows (Serra, "Image Analysis and Mathematical Morphology", 1982). Of dark
    ink the distance is proportional to the light, and so it is divided by that.
    """
    window = window_of(pixels)
    around = ndimage.uniform_filter(pixels, (window, window, 1), mode="nearest")
    differences = (pixels - around).reshape(-1, pixels.shape[2])
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
    return distance


def window_of(values: NDArray[Any]) -> int:
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
    apart. If it never does, a digit at the edge counts. Without any, a ValueError is raised.
    """
    if distance.max() < CONTRAST:
        raise ValueError(NOTHING)
    scale = 255 / distance.max()
    values = np.rint(scale * distance).astype(np.int64)
    paper = np.median(values)
    near = ndimage.maximum_filter(distance, window_of(distance)) >= distance.max() / 2
    values = values[near]
    second_best = None
    for level in range(LEVELS):
        threshold, separability = otsu(values)
        above = values > threshold
        if above.all() or (level and separability < TWO_CLASSES):
            break
        low, high = np.median(values[~above]), np.median(values[above])
        ink = np.clip((scale * distance - low) / (high - low), 0, 1)
        parts, _ = ndimage.label(ink > 0.5, CORNERS)
        mass = np.bincount(parts.ravel(), ink.ravel())
        mass[0] = 0
        within, at_edge = places_of(parts, mass, clean=not level and separability >= CLEAN)
        found = ink, (within | at_edge)[parts]
        if high - paper >= scale * CONTRAST:
            if 2 * mass[within].sum() >= mass.sum():
                return found
            if 2 * mass[within | at_edge].sum() >= mass.sum():
                second_best = second_best or found
        values = values[above]
    if second_best:
        return second_best
    raise ValueError(f"{NOTHING} and ends within the picture")


def places_of(parts: NDArray[Any], mass: NDArray[Any], *, clean: bool) -> tuple[Mask, Mask]:
    """Return which parts are within the picture, and which may be digits at its edge.

    A digit is not much smaller than others, and reaches the border in one place, with a stroke or
    two. In a clean picture, of ink and paper alone, all parts are within the picture, unless one
    reaches the border like rulings.
    """
    border = np.concatenate([parts[0], parts[1:, -1], parts[-1, -2::-1], parts[-2:0:-1, 0]])
    touches = border[(border > 0) & (np.roll(border, 1) == 0)]
    broad = (border > 0).sum() > len(touches) * min(parts.shape) / DIGIT_SIDE
    within, at_edge = mass > 0, np.zeros_like(mass, np.bool_)
    if not (clean and (broad or len(touches) == len(set(touches)))):
        within[border] = False
    for part in np.flatnonzero(~within & (mass > mass.max() / 3)):
        places = np.flatnonzero(border == part)
        gaps = np.diff(places, append=places[0] + len(border))  # around the picture
        at_edge[part] = len(border) - gaps.max() < EDGE * stroke_width(parts == part)
    return within, at_edge


def otsu(values: NDArray[np.int64]) -> tuple[int, float]:
    """Return the threshold that separates two classes best, and the share of variance between them.

    Source: Otsu, "A threshold selection method from gray-level histograms", 1979, equations 12, 18.
    """
    shares = np.bincount(values, minlength=256) / len(values)
    below, moments = shares.cumsum(), (shares * np.arange(256)).cumsum()
    between = (moments[-1] * below - moments) ** 2 / np.maximum(below * (1 - below), 1e-9)
    return int(between.argmax()), float(between.max() / max(values.var(), 1e-9))


def stroke_width(mask: Mask) -> float:
    """Return the mean width of strokes: four times the mean distance of pixels to the edge."""
    distances = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    return float(4 * distances[mask].mean() - 2)


def find_marks(ink: Floats, mask: Mask) -> tuple[list[Mark], int]:
    """Return the connected parts without specks, which fit into a dot of the pen or are thin.

    The number counts faint ones, the edges of shadows and rulings. Too many raise a ValueError.
    """
    parts, count = ndimage.label(mask, CORNERS)
    numbers = np.arange(1, count + 1)
    pen = max(2, stroke_width(mask))
    sides = [max(s.stop - s.start for s in box) for box in ndimage.find_objects(parts)]
    large = (np.array(sides) > pen) & (np.bincount(parts[mask])[1:] > pen**2 / 3)
    clear = ndimage.maximum(ink, parts, numbers) >= FAINT
    if (large & clear).sum() > MOST:
        raise ValueError(f"shows {(large & clear).sum()} marks, must be at most {MOST}")
    return [Mark(parts == n) for n in numbers[large & clear]], int((large & ~clear).sum())


def join(marks: list[Mark], judge: Judge) -> list[Mark]:
    """Join the parts of one digit, the nearest first."""
    pairs = []
    for i, mark in enumerate(marks):
        distance = ndimage.distance_transform_edt(~mark.mask)
        pairs += [(distance[other.mask].min(), i, j) for j, other in enumerate(marks[:i])]
    whole = list(marks)  # that each is a part of
    for distance, i, j in 2 * sorted(pairs):  # again, because marks have grown
        a, b = whole[i], whole[j]
        others = [mark.height for mark in {*whole} - {a, b} if mark.height >= mark.width]
        if a is not b and are_one(a, b, distance, max(others, default=np.inf), judge):
            joined = Mark(a.mask | b.mask)
            whole = [joined if mark in {a, b} else mark for mark in whole]
    return list(dict.fromkeys(whole))


def are_one(a: Mark, b: Mark, distance: float, tallest: float, judge: Judge) -> bool:
    """Tell whether two marks at a distance are parts of one digit.

    Either one is a piece, too small or flat for a digit, or both together are as narrow as a digit,
    and not much taller than the tallest other mark. And the judge finds one digit likelier.
    """
    small, large = sorted((a, b), key=lambda mark: mark.height)
    piece = small.height < PIECE * large.height or kind_of(small) != ""
    distance /= max(a.longest, b.longest)
    joined = Mark(a.mask | b.mask)
    widest = joined.height * (BROKEN_WIDEST if distance < BROKEN else NARROW)
    too_large = joined.width > widest or joined.height > TALLER * tallest
    if distance > (NEAR_PIECE if piece else NEAR) or (too_large and not piece):
        return False
    together, *apart = judge([joined, large, small])
    if piece:
        return bool(together >= min(SURE, apart[0]))
    side_by_side = joined.height < TALLER * large.height
    return bool(together >= SURE and (side_by_side or together >= min(apart)))


def kind_of(mark: Mark) -> str:
    """Return a name for a mark that is surely no digit, empty for others."""
    if mark.width > WIDEST * mark.height:
        return "flat mark"
    holes, _ = ndimage.label(~np.pad(mark.mask, 1))
    if (np.bincount(holes.ravel())[2:] > (mark.longest / 40) ** 2).sum() > HOLES:
        return "grid"
    return "blot" if stroke_width(mark.mask) > BLOT / DIGIT_SIDE * mark.longest else ""


def in_reading_order(marks: list[Mark]) -> list[Mark]:
    """Return the marks line by line, each from left to right.

    Lines may rise or fall: that slope counts at which the marks' rows overlap most. Then a mark is
    on the line of the nearest one to its right whose rows reach its middle, or the reverse.
    """
    x, y, height = np.array([(mark.x, mark.y, mark.height) for mark in marks]).T
    longer, reach = np.add.outer(height, height) / 2, np.maximum.outer(height, height) / 2
    apart = np.abs(np.subtract.outer(y, y) - SLOPES[:, None, None] * np.subtract.outer(x, x))
    overlaps = np.minimum(longer - apart, np.minimum.outer(height, height)).clip(0).sum((1, 2))
    best = np.argmax(overlaps * (1 - np.abs(SLOPES) / 2))  # rather none
    right = np.subtract.outer(x, x).T
    right[(apart[best] >= reach) | (right <= 0)] = np.inf
    links = np.isfinite(right) & (right == right.min(axis=1, keepdims=True))
    count, line = connected_components(links, directed=False)
    y -= SLOPES[best] * x
    middle = [y[line == number].mean() for number in range(count)]
    return [marks[n] for n in sorted(range(len(marks)), key=lambda n: (middle[line[n]], x[n]))]


def images_of(marks: list[Mark], ink: Floats) -> Images:
    """Return marks as images (n, 28, 28), with the soft edges of their ink."""
    images = []
    for mark in marks:
        near = ndimage.maximum_filter(mark.mask, 2 * max(1, mark.height // DIGIT_SIDE) + 1)
        images.append(center(thicken(crop(np.where(near, ink, 0), mark.mask))))
    return np.stack(images).astype(np.float32)


def thicken(ink: Floats) -> Floats:
    """Bring strokes that are thinner than MNIST's to their median width; leave others."""
    missing = STROKE / DIGIT_SIDE * max(ink.shape) - stroke_width(ink > 0.5)
    if missing <= 0:
        return ink
    ink = np.pad(ink, int(missing) + 1)
    distance = ndimage.distance_transform_edt(ink <= 0.5)
    ink = np.maximum(ink, np.clip(missing / 2 + 1 - distance, 0, 1))
    return crop(ink, ink > 0.5)


def center(ink: Floats) -> Floats:
    """Fit a digit into 20 × 20 pixels, and place its centre of mass at pixel 14, counted from 0.

    Source: LeCun, Cortes & Burges, "The MNIST database of handwritten digits".
    """
    small = fit(ink, DIGIT_SIDE)
    middle = ndimage.center_of_mass(small)
    return place(small, [int(SIDE / 2 - m + 0.5) for m in middle], 0)


def place(small: Floats, corner: Sequence[int], rest: float) -> Floats:
    """Place an array in an image (28, 28), within its borders; the rest has one value."""
    image = np.full((SIDE, SIDE), rest, np.float64)
    height, width = small.shape
    top, left = np.clip(corner, 0, (SIDE - height, SIDE - width))
    image[top : top + height, left : left + width] = small
    return image


def crop(values: Floats, mask: Mask) -> Floats:
    """Cut off the rows and columns that are not in the mask."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return values[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def fit(values: Floats, side: int) -> Floats:
    """Resample so that the longer side has that many pixels, and the proportions stay."""
    height, width = (max(1, int(side * n / max(values.shape) + 0.5)) for n in values.shape)
    picture = Image.fromarray(values.astype(np.float32))
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR), np.float64)
