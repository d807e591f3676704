"""Plot the weights of each unit of the first layer as an image."""

import math

from stages.files.figures import new_figure, save
from stages.files.paths import WEIGHTS, WEIGHTS_PLOT
from stages.files.weights import load_network
from stages.running.errors import StageError
from stages.running.runner import run

import numpy as np
from numpy.typing import NDArray

MOST_UNITS = 100
GAP = 3  # pixels between two units
UNIT_INCHES = 0.75
FULL_COLOR = 0.999  # of the weights are within the range of the colours


def main() -> None:
    units = read_units()
    shown = units[:MOST_UNITS]
    columns = math.ceil(math.sqrt(len(shown)))
    rows = math.ceil(len(shown) / columns)

    figure = new_figure(UNIT_INCHES * columns + 1, UNIT_INCHES * rows + 0.4)
    axes = figure.subplots()
    axes.set_axis_off()
    limit = float(np.quantile(np.abs(shown), FULL_COLOR))
    image = axes.imshow(mosaic(shown, rows, columns), cmap="RdBu_r", vmin=-limit, vmax=limit)
    part = f" ({len(shown)} of {len(units)})" if len(shown) < len(units) else ""
    axes.set_title(f"Weights of the first layer, unit by unit{part}")
    figure.colorbar(image, label="weight of a pixel", shrink=0.6, extend="both")
    save(figure, WEIGHTS_PLOT)


def mosaic(units: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """Arrange images (units, side, side) row by row, with NaN between them."""
    side = units.shape[1]
    cells = np.full((rows * columns, side + GAP, side + GAP), np.nan, np.float32)
    cells[: len(units), :side, :side] = units
    grid = cells.reshape(rows, columns, side + GAP, side + GAP).swapaxes(1, 2)
    return grid.reshape(rows * (side + GAP), columns * (side + GAP))[:-GAP, :-GAP]


def read_units() -> NDArray[np.float32]:
    """Return the weights of each unit as an image: (units, side, side)."""
    weights = load_network().state_dict()["W1"]
    side = math.isqrt(len(weights))
    if side**2 != len(weights):
        raise StageError(f"{WEIGHTS}: W1 must have a row for each pixel of a square image")
    return weights.T.reshape(-1, side, side)


if __name__ == "__main__":
    run(main)
