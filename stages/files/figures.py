"""The style of every picture, and how one is saved."""

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from stages.files.writing import replacing

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
    """Return an empty figure, its size in inches, whatever a user's own matplotlibrc says."""
    matplotlib.rcdefaults()
    matplotlib.rcParams.update(STYLE)
    return Figure(figsize=(width, height))


def save(figure: Figure, path: Path) -> None:
    """Write the figure as PNG."""
    with replacing(path) as file:
        figure.savefig(file, format="png")
