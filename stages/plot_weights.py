"""Plot what each unit of the first layer looks for: its weights, as an image."""

import math

import numpy as np
from numpy.typing import NDArray

from stages.common import npz
from stages.common.errors import StageError, run
from stages.common.figures import new_figure, save
from stages.common.paths import WEIGHTS, WEIGHTS_PLOT

MOST_UNITS = 100
UNIT_INCHES = 0.75
FULL_COLOR = 0.999  # of the weights are within the scale of colours


def main() -> None:
    units = read_units()
    shown = units[:MOST_UNITS]
    columns = math.ceil(math.sqrt(len(shown)))
    rows = math.ceil(len(shown) / columns)

    figure = new_figure(UNIT_INCHES * columns + 1, UNIT_INCHES * rows + 0.4)
    limit = float(np.quantile(np.abs(shown), FULL_COLOR))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    for axes, unit in zip(grid, shown, strict=False):
        image = axes.imshow(unit, cmap="RdBu_r", vmin=-limit, vmax=limit)
    part = f" ({len(shown)} of {len(units)})" if len(shown) < len(units) else ""
    figure.suptitle(f"Weights of the first layer, unit by unit{part}")
    figure.colorbar(image, ax=grid, label="weight of a pixel", shrink=0.6, extend="both")
    save(figure, WEIGHTS_PLOT)


def read_units() -> NDArray[np.float32]:
    """Return the weights of each unit as an image: (units, side, side)."""
    weights = npz.read(WEIGHTS).get("W1")
    if weights is None or weights.ndim != 2 or math.isqrt(len(weights)) ** 2 != len(weights):
        raise StageError(f"{WEIGHTS}: must hold W1, with a row for each pixel of a square image")
    side = math.isqrt(len(weights))
    return weights.T.reshape(-1, side, side)


if __name__ == "__main__":
    run(main)
