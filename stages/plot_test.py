"""Plot the test: a sample of the predictions, the mistakes, the confusion, the reliability."""

from pathlib import Path

from stages.shared.drawing import BLUE, draw_grid, literal, new_figure, save
from stages.shared.files import Predictions, load_predictions
from stages.shared.paths import (
    CONFUSION_PLOT,
    MISTAKES_PLOT,
    PREDICTIONS_PLOT,
    RELIABILITY_PLOT,
)
from stages.shared.running import run
from stages.shared.settings import Plot, load

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from network.metrics import Bin, calibration_error, confusion_matrix, reliability

RIGHT, WRONG = "#00794f", "#c8321f"
SHARES = 0.001, 1  # ends of the colour scale of the confusion


def main() -> None:
    plot = load(Plot)
    test = load_predictions()
    everything = np.arange(len(test.labels))
    mistakes = np.flatnonzero(test.predicted != test.labels)

    sample_seed, mistakes_seed = np.random.SeedSequence(plot.seed).spawn(2)
    sample = choose(everything, plot, sample_seed)
    draw_sample(test, sample, plot.columns, "Predictions", PREDICTIONS_PLOT)
    if plot.mistakes == "worst":
        surest_first = np.argsort(-test.confidence[mistakes], kind="stable")
        chosen = mistakes[surest_first][: plot.rows * plot.columns]
    else:
        chosen = choose(mistakes, plot, mistakes_seed)
    title = title_of(len(chosen), len(mistakes), len(test.labels))
    draw_sample(test, chosen, plot.columns, title, MISTAKES_PLOT)
    draw_confusion(confusion_matrix(test.labels, test.predicted, len(test.classes)), test.classes)
    draw_reliability(reliability(test.probabilities, test.labels))


def choose(rows: NDArray[np.intp], plot: Plot, seed: np.random.SeedSequence) -> NDArray[np.intp]:
    """Choose as many rows as the grid has cells, or all if there are fewer."""
    cells = min(plot.rows * plot.columns, len(rows))
    return np.random.default_rng(seed).choice(rows, cells, replace=False)


def title_of(chosen: int, mistakes: int, total: int) -> str:
    """Return a title with the number of mistakes that are shown."""
    if mistakes == 0:
        return f"No mistakes in {total} images"
    return f"{chosen} of {mistakes} mistakes" if chosen < mistakes else f"All {mistakes} mistakes"


def draw_sample(
    test: Predictions, chosen: NDArray[np.intp], columns: int, title: str, path: Path
) -> None:
    """Draw the chosen images, each under its label and its prediction."""
    captions, colors = [], []
    for row in chosen:
        label, predicted = test.labels[row], test.predicted[row]
        mark, color = ("✓", RIGHT) if predicted == label else ("✗", WRONG)
        captions.append(
            f"label {test.classes[label]}\n"
            f"{mark} predicted {test.classes[predicted]} ({test.confidence[row]:.1%})"
        )
        colors.append(color)
    save(draw_grid(test.images[chosen], captions, colors, columns, title), path)


def draw_confusion(counts: NDArray[np.intp], classes: list[str]) -> None:
    """Write each count into its cell; a mistake's colour shows its share of the actual class.

    The scale is the same for all networks, so that two pictures can be compared.
    """
    side = 1.2 + 0.42 * len(classes)
    figure = new_figure(side + 0.8, side)
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    mistakes = np.ma.masked_where(np.eye(len(classes), dtype=bool) | (counts == 0), shares)
    scale = LogNorm(*SHARES, clip=True)
    image = axes.imshow(mistakes, cmap="Oranges", norm=scale)
    for (actual, predicted), count in np.ndenumerate(counts):
        if count:
            right = actual == predicted
            dark = not right and scale(shares[actual, predicted]) > 0.6
            axes.text(
                predicted,
                actual,
                str(count),
                ha="center",
                va="center",
                color="white" if dark else "black",
                weight="bold" if right else "normal",
                fontsize="small",
                in_layout=False,
            )
    ticks, names = range(len(classes)), [literal(name) for name in classes]
    axes.set_xticks(ticks, names, rotation=90 if max(map(len, classes)) > 2 else 0)
    axes.set_yticks(ticks, names)
    axes.set(xlabel="predicted", ylabel="actual")
    axes.set_title(f"{counts.diagonal().sum():,} of {counts.sum():,} test images right")
    axes.grid(visible=False)
    bar = figure.colorbar(image, label="share of the actual class", shrink=0.6)
    bar.minorticks_off()
    bar.ax.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}%")
    save(figure, CONFUSION_PLOT)


def draw_reliability(bins: list[Bin]) -> None:
    """Draw accuracy against confidence, a point per bin, and the number of images below."""
    confidence, accuracy, samples = zip(*bins, strict=True)
    figure = new_figure(width=4.2, height=5)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    upper.plot([0, 1], [0, 1], color="0.6", linestyle="--", label="perfect calibration")
    upper.plot(confidence, accuracy, color=BLUE, marker="o", label="this network")
    upper.set_title(f"Expected calibration error {calibration_error(bins):.2%}")
    upper.set(ylabel="accuracy", xlim=(0, 1.02), ylim=(0, 1.02))
    upper.xaxis.set_major_formatter(PercentFormatter(1))
    upper.yaxis.set_major_formatter(PercentFormatter(1))
    upper.legend(loc="upper left")
    lower.stem(confidence, samples, linefmt=BLUE, basefmt=" ")
    lower.set(xlabel="confidence", ylabel="test images", yscale="log")
    lower.minorticks_off()
    lower.yaxis.set_major_formatter("{x:,.0f}")
    save(figure, RELIABILITY_PLOT)


if __name__ == "__main__":
    run(main)
