"""The ink of digits for the tests, drawn stroke by stroke at random, or MNIST's own.

Ink is an array (height, width) in [0, 1]: the share of each pixel that the pen has covered.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Floats = NDArray[np.float64]
Random = np.random.Generator

# Strokes of each digit, as points x,y in percent of a box, y downwards. Smooth curves go through
# the points; a stroke ends at a corner.
STROKES = (
    "50,0 22,20 14,55 28,92 52,100 76,88 88,48 74,10 50,0",
    "62,0 50,50 38,100",
    "16,26 30,6 56,1 78,14 76,38 52,68 22,92 10,84 22,74 48,86 70,98 92,92",
    "14,8 46,2 78,16 66,40 40,48 | 40,48 74,54 86,78 60,98 26,98 8,86",
    "26,4 18,36 22,54 50,54 80,46 | 80,6 74,50 66,100",
    "82,4 56,5 30,6 | 30,6 26,26 22,44 | 22,44 52,38 80,52 80,80 52,98 14,94",
    "56,0 34,28 16,62 22,92 50,100 78,86 78,62 54,52 28,62 18,76",
    "10,10 44,8 84,4 | 84,4 62,46 36,100 | 28,52 50,50 78,48",
    "50,2 26,10 26,36 50,46 74,36 74,10 50,2 | 50,46 20,60 18,88 50,100 82,88 80,60 50,46",
    "78,12 48,1 18,18 20,44 46,52 72,38 80,14 | 80,14 80,50 66,84 36,100 14,92",
)
PEN, FINE_PEN, MARKER = (0.05, 0.14), (0.015, 0.04), (0.17, 0.24)  # widths, of a digit's height


def draw_digit(digit: int, random: Random, widths: tuple[float, float] = PEN) -> Floats:
    """Draw a digit in a random size and place on a canvas of random size."""
    canvas = random.uniform(100, 480) * random.uniform(0.85, 1.15, 2)
    height = random.uniform(0.4, 0.8) * canvas.min()
    ink = write(digit, height, height * np.exp(random.uniform(*np.log(widths))), random)
    return place([ink], canvas, random)


def draw_line(digits: list[int], random: Random) -> Floats:
    """Draw several digits beside one another."""
    height = random.uniform(40, 90)
    pen = height * np.exp(random.uniform(*np.log(PEN)))
    inks = [write(digit, height * random.uniform(0.9, 1.1), pen, random) for digit in digits]
    return place(inks, np.array([1, 1.5 * height]), random)


def write_page(
    lines: list[list[int]], slope: float, distance: float, height: int = 40
) -> tuple[Floats, list[Floats]]:
    """Write lines that rise by a slope in degrees; return the page, and the digits in order.

    The distance between lines is a share of the digits' height.
    """
    random = np.random.default_rng(0)
    inks = [write(digit, height, 4, random) for line in lines for digit in line]
    height = max(map(len, inks))
    columns = max(map(len, lines))
    width = int((columns + 2) * 1.3 * height)
    rise = np.tan(np.radians(slope))
    page = np.zeros((int(height * (1 + distance) * (len(lines) + 2) + abs(rise) * width), width))
    places = [(row, column) for row, line in enumerate(lines) for column in range(len(line))]
    for (row, column), ink in zip(places, inks, strict=True):
        left = int(height * (1 + 1.3 * column))
        top = int(height * (1 + distance) * (row + 0.5) + max(rise, 0) * width - rise * left)
        page[top : top + len(ink), left : left + ink.shape[1]] += ink
    return page, inks


def write(digit: int, height: float, pen: float, random: Random) -> Floats:
    """Return the ink of a digit, cut out: turned, slanted, and with a pen of that width."""
    strokes = [
        np.array([point.split(",") for point in stroke.split()], float) / 100
        for stroke in STROKES[digit].split("|")
    ]
    turn = random.uniform(-0.17, 0.17)  # ten degrees
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    slant = np.array([[random.uniform(0.55, 0.85), random.uniform(-0.25, 0.1)], [0, 1]])
    curves = [
        spline(stroke + random.normal(0, 0.012, stroke.shape)) @ (rotation @ slant).T * height
        for stroke in strokes
    ]
    low = np.min([curve.min(axis=0) for curve in curves], axis=0) - 0.7 * pen
    high = np.max([curve.max(axis=0) for curve in curves], axis=0) + 0.7 * pen
    return ink_along([curve - low for curve in curves], max(pen, 1.2), high - low, random)


def place(inks: list[Floats], size: Floats, random: Random) -> Floats:
    """Put digits beside one another at a random place of a canvas of that size or larger."""
    gap = int(len(inks[0]) * random.uniform(0.1, 0.3))
    line = np.zeros((max(map(len, inks)), sum(ink.shape[1] + gap for ink in inks) - gap))
    left = 0
    for ink in inks:
        top = (len(line) - len(ink)) // 2
        line[top : top + len(ink), left : left + ink.shape[1]] = ink
        left += ink.shape[1] + gap
    margins = np.maximum(size[::-1] - line.shape, 0.08 * len(line)).astype(int)
    before = (margins * random.random(2)).astype(int)
    return np.pad(line, np.stack([before, margins - before], axis=1).tolist())


def spline(points: Floats, steps: int = 24) -> Floats:
    """Return points on the uniform Catmull-Rom curve through the points, ends included."""
    t = np.linspace(0, 1, steps)[:, None]
    before, after = 2 * points[0] - points[1], 2 * points[-1] - points[-2]
    p = np.concatenate([[before], points, [after]])
    pieces = [
        b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False)
    ]
    return np.concatenate(pieces)


def ink_along(curves: list[Floats], pen: float, size: Floats, random: Random) -> Floats:
    """Draw with a round pen whose width varies by 15 percent."""
    fine = 4  # pixels of the canvas that make one of the ink
    canvas = Image.new("L", tuple((size * fine).astype(int)))
    draw = ImageDraw.Draw(canvas)
    for curve in curves:
        share = np.linspace(0, 1, len(curve))
        pressure = 1 + 0.15 * np.sin(2 * np.pi * (share * random.uniform(0.3, 1) + random.random()))
        places, radii = curve * fine, pen * pressure * fine / 2
        for (x, y), (next_x, next_y), r in zip(places, places[1:], radii, strict=False):
            draw.line((x, y, next_x, next_y), fill=255, width=round(2 * r))
            draw.ellipse((x - r, y - r, x + r, y + r), fill=255)
        x, y = places[-1]
        draw.ellipse((x - r, y - r, x + r, y + r), fill=255)
    return np.asarray(canvas.reduce(fine), float) / 255
