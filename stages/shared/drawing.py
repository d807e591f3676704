"""The style of all pictures, and their saving.

A picture depends on nothing outside of this project and its packages: not on a user's matplotlibrc
or backend, nor on the fonts of the machine. Import this module before Matplotlib.
"""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stages.shared.datasets import SIDE
from stages.shared.files import replacing
from stages.shared.png import write_png

os.environ["MPLBACKEND"] = "agg"
os.environ["MATPLOTLIBRC"] = os.devnull

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

BLUE, ORANGE = "#0072b2", "#d55e00"
SPLIT_COLORS = {"train": BLUE, "validation": ORANGE}
INK: Any = {"cmap": "gray_r", "vmin": 0, "vmax": 1}  # for images in [0, 1]
GAP = 3  # pixels between images
PIXEL, LETTER, LINES = 0.05, 1.2, 9  # inches per pixel; pixels per letter, and per two lines

FONTS = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")  # in Matplotlib's package
STYLE: Any = {
    "figure.dpi": 150,
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "0.9",
    "axes.axisbelow": True,
    "legend.frameon": False,
}


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure; its size is in inches."""
    matplotlib.rcdefaults()
    matplotlib.rcParams.update(STYLE)
    fontManager.ttflist.clear()
    for font in FONTS:
        fontManager.addfont(Path(matplotlib.get_data_path(), "fonts/ttf", font))
    return Figure(figsize=(width, height))


def draw_grid(
    images: NDArray[np.float32],
    captions: Sequence[str],
    colors: Sequence[str],
    columns: int,
    title: str = "",
) -> Figure:
    """Draw images (n, 784) in [0, 1], each in a frame and under a caption of two lines."""
    longest = max((len(line) for caption in captions for line in caption.split("\n")), default=0)
    gap = max(GAP, round(LETTER * longest) - SIDE), LINES
    rows = math.ceil(len(images) / columns)
    figure = new_figure(PIXEL * columns * (SIDE + gap[0]), PIXEL * rows * (SIDE + gap[1]) + 0.35)
    axes = figure.subplots()
    axes.set_title(title)
    draw_images(axes, images, columns, gap, **INK)
    corners = corners_of(len(images), columns, gap)
    for (left, top), caption, color in zip(corners, captions, colors, strict=True):
        x, y = left - 0.5, top - 0.5  # a pixel's center is at whole numbers
        axes.add_patch(Rectangle((x, y), SIDE, SIDE, fill=False, edgecolor=color))
        style: Any = {"color": color, "ha": "center", "va": "bottom", "fontsize": "small"}
        axes.text(x + SIDE / 2, y - 1, literal(caption), in_layout=False, **style)
    return figure


def draw_images(
    axes: Axes,
    images: NDArray[np.float32],
    columns: int,
    gap: tuple[int, int] = (GAP, GAP),
    **options: Any,
) -> AxesImage:
    """Draw images (n, 784) row by row as a single one, which is faster than n pairs of axes.

    Parameters
    ----------
    gap : width and height of the space left of and above each image, in pixels
    options : those of ``Axes.imshow``
    """
    height, width = math.ceil(len(images) / columns) * (SIDE + gap[1]), columns * (SIDE + gap[0])
    canvas = np.full((height + min(gap[0], GAP), width + gap[0]), np.nan, np.float32)
    corners = corners_of(len(images), columns, gap)
    for (left, top), pixels in zip(corners, images, strict=True):
        canvas[top : top + SIDE, left : left + SIDE] = pixels.reshape(SIDE, SIDE)
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return axes.imshow(canvas, **options)


def corners_of(images: int, columns: int, gap: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the column and row of each image's first pixel."""
    width, height = SIDE + gap[0], SIDE + gap[1]
    return [
        (gap[0] + number % columns * width, gap[1] + number // columns * height)
        for number in range(images)
    ]


def literal(text: str) -> str:
    """Escape dollar signs, between which Matplotlib would expect mathematics."""
    return text.replace("$", r"\$")


def save(figure: Figure, path: Path) -> None:
    """Write the figure as PNG."""
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    with replacing(path) as file:
        write_png(file, np.asarray(canvas.buffer_rgba())[..., :3])
