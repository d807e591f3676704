"""Plot the confusion matrix of the test set, its mistakes in colour."""

from stages.files import processed
from stages.files.figures import literal, new_figure, save
from stages.files.paths import CONFUSION, CONFUSION_PLOT
from stages.files.reading import read_table
from stages.running.runner import run

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from numpy.typing import NDArray

from network.metrics import confusion_matrix

SHARES = 0.001, 1  # the ends of the colour scale


def main() -> None:
    classes = processed.load_classes()
    counts = read_counts(classes)
    side = 1.2 + 0.42 * len(classes)
    figure = new_figure(side + 0.8, side)
    draw(figure.subplots(), counts, classes)
    save(figure, CONFUSION_PLOT)


def read_counts(classes: list[str]) -> NDArray[np.intp]:
    """Count the test images of each actual class (rows) predicted as each class (columns)."""
    pairs = read_table(CONFUSION, {"actual": classes.index, "predicted": classes.index})
    labels, predicted = np.array([*pairs], np.intp).reshape(-1, 2).T
    return confusion_matrix(labels, predicted, len(classes))


def draw(axes: Axes, counts: NDArray[np.intp], classes: list[str]) -> None:
    """Write each count into its cell; a mistake's colour shows its share of the actual class.

    The scale is the same for all networks, so that two pictures can be compared.
    """
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
            )
    ticks, names = range(len(classes)), [literal(name) for name in classes]
    upright = max(map(len, classes)) > 2
    axes.set_xticks(ticks, names, rotation=90 if upright else 0)
    axes.set_yticks(ticks, names)
    axes.set(xlabel="predicted", ylabel="actual")
    axes.set_title(f"{counts.diagonal().sum():,} of {counts.sum():,} test images right")
    axes.grid(visible=False)
    bar = axes.figure.colorbar(image, ax=axes, label="share of the actual class", shrink=0.6)
    bar.ax.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}%")


if __name__ == "__main__":
    run(main)
