"""Plot test images with their predictions: a sample of all, and one of the mistakes."""

from pathlib import Path
from typing import NamedTuple

from stages.files import processed
from stages.files.figures import literal, new_figure, save
from stages.files.paths import MISTAKES_PLOT, PREDICTIONS, PREDICTIONS_PLOT
from stages.files.reading import read_npz
from stages.running.errors import StageError
from stages.running.runner import run
from stages.settings.plot import Plot
from stages.settings.section import load

import numpy as np
from numpy.typing import NDArray

RIGHT, WRONG = "#00794f", "#c8321f"
CELL_INCHES, LETTER_INCHES = 1.5, 0.06


class Predictions(NamedTuple):
    """Images (n, 784), labels and predicted labels (n,), the predictions' probabilities (n,)."""

    images: NDArray[np.float32]
    labels: NDArray[np.uint8]
    predicted: NDArray[np.intp]
    probability: NDArray[np.float32]
    classes: list[str]


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


def read_predictions() -> Predictions:
    classes = processed.load_classes()
    images, labels = processed.load("test", len(classes))
    probabilities = read_npz(PREDICTIONS).get("probabilities")
    shape = len(labels), len(classes)
    if probabilities is None or probabilities.dtype != np.float32 or probabilities.shape != shape:
        raise StageError(f"{PREDICTIONS}: must hold probabilities, float32 of shape {shape}")
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise StageError(f"{PREDICTIONS}: must hold probabilities in [0, 1]")
    return Predictions(
        images, labels, probabilities.argmax(axis=1), probabilities.max(axis=1), classes
    )


def choose(rows: NDArray[np.intp], plot: Plot, seed: np.random.SeedSequence) -> NDArray[np.intp]:
    """Choose as many rows as the grid has cells, or all if there are fewer."""
    cells = min(plot.rows * plot.columns, len(rows))
    return np.random.default_rng(seed).choice(rows, cells, replace=False)


def title_of(chosen: int, mistakes: int, total: int) -> str:
    """Say how many of the mistakes are shown."""
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
