"""The style of all pictures, and their saving.

A picture depends on nothing outside of this project and its packages: not on a user's matplotlibrc
or backend, nor on the fonts of the machine. Import this module before Matplotlib.
"""

import os
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
from numpy.typing import NDArray

BLUE, ORANGE = "#0072b2", "#d55e00"
SPLIT_COLORS = {"train": BLUE, "validation": ORANGE}

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


def draw_image(axes: Axes, pixels: NDArray[np.float32], color: str = "black") -> None:
    """Draw an image (784,) in [0, 1] as ink on paper, in a frame of that colour."""
    axes.imshow(pixels.reshape(SIDE, SIDE), cmap="gray_r", vmin=0, vmax=1)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=color)


def literal(text: str) -> str:
    """Escape dollar signs, between which Matplotlib would expect mathematics."""
    return text.replace("$", r"\$")


def save(figure: Figure, path: Path) -> None:
    """Write the figure as PNG."""
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    with replacing(path) as file:
        write_png(file, np.asarray(canvas.buffer_rgba())[..., :3])
