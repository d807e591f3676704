"""Plot test images with their predictions: a sample of all, and the mistakes."""

from pathlib import Path

from stages.files.figures import literal, new_figure, save
from stages.files.paths import MISTAKES_PLOT, PREDICTIONS_PLOT
from stages.files.predictions import Predictions, read_predictions
from stages.running.runner import run
from stages.settings.plot import Plot
from stages.settings.section import load

import numpy as np
from numpy.typing import NDArray

RIGHT, WRONG = "#00794f", "#c8321f"
CELL_INCHES, LETTER_INCHES = 1.5, 0.06


def main() -> None:
    plot = load("plot", Plot)
    test = read_predictions()
    everything = np.arange(len(test.labels))
    mistakes = np.flatnonzero(test.predicted != test.labels)

    sample_seed, mistakes_seed = np.random.SeedSequence(plot.seed).spawn(2)
    draw(test, choose(everything, plot, sample_seed), plot, "Predictions", PREDICTIONS_PLOT)
    if plot.mistakes == "worst":
        surest_first = np.argsort(-test.probability[mistakes], kind="stable")
        chosen = mistakes[surest_first][: plot.rows * plot.columns]
    else:
        chosen = choose(mistakes, plot, mistakes_seed)
    title = title_of(len(chosen), len(mistakes), len(test.labels))
    draw(test, chosen, plot, title, MISTAKES_PLOT)


def choose(rows: NDArray[np.intp], plot: Plot, seed: np.random.SeedSequence) -> NDArray[np.intp]:
    """Choose as many rows as the grid has cells, or all if there are fewer."""
    cells = min(plot.rows * plot.columns, len(rows))
    return np.random.default_rng(seed).choice(rows, cells, replace=False)


def title_of(chosen: int, mistakes: int, total: int) -> str:
    """Return a title with the number of mistakes that are shown."""
    if mistakes == 0:
        return f"No mistakes in {total} images"
    return f"{chosen} of {mistakes} mistakes" if chosen < mistakes else f"All {mistakes} mistakes"


def draw(test: Predictions, chosen: NDArray[np.intp], plot: Plot, title: str, path: Path) -> None:
    """Draw a grid of the chosen images, each under its label and its prediction."""
    width = CELL_INCHES + LETTER_INCHES * (max(map(len, test.classes)) - 1)
    figure = new_figure(width * plot.columns, (CELL_INCHES + 0.2) * plot.rows + 0.3)
    figure.suptitle(title)
    grid = figure.subplots(plot.rows, plot.columns, squeeze=False).ravel()
    side = round(test.images.shape[1] ** 0.5)
    for axes in grid[len(chosen) :]:
        axes.set_axis_off()
    for axes, row in zip(grid, chosen, strict=False):
        label, predicted = test.labels[row], test.predicted[row]
        mark, color = ("✓", RIGHT) if predicted == label else ("✗", WRONG)
        axes.imshow(test.images[row].reshape(side, side), cmap="gray_r", vmin=0, vmax=1)
        axes.set_title(
            literal(
                f"label {test.classes[label]}\n"
                f"{mark} predicted {test.classes[predicted]} ({test.probability[row]:.1%})"
            ),
            color=color,
            fontsize="small",
        )
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(visible=True, color=color)
    save(figure, path)


if __name__ == "__main__":
    run(main)
