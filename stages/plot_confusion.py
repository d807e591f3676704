"""Plot the confusion matrix of the test set, its mistakes in colour."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from stages.files import processed
from stages.files.figures import new_figure, save
from stages.files.paths import CONFUSION, CONFUSION_PLOT
from stages.files.reading import read_table
from stages.running.runner import run

from network.metrics import confusion_matrix


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
    """Write each count into its cell; only those off the diagonal have a colour."""
    right = np.eye(len(classes), dtype=bool)
    mistakes = np.ma.masked_array(counts, right)
    most = max(1, int(mistakes.max()))
    image = axes.imshow(mistakes, cmap="Oranges", vmin=0, vmax=most)
    for (actual, predicted), count in np.ndenumerate(counts):
        if count:
            axes.text(
                predicted,
                actual,
                str(count),
                ha="center",
                va="center",
                color="white" if count > 0.6 * most and actual != predicted else "black",
                weight="bold" if actual == predicted else "normal",
                fontsize="small",
            )
    ticks = range(len(classes))
    upright = max(map(len, classes)) > 2
    axes.set_xticks(ticks, classes, rotation=90 if upright else 0)
    axes.set_yticks(ticks, classes)
    axes.set(xlabel="predicted", ylabel="actual")
    axes.set_title(f"{counts.diagonal().sum():,} of {counts.sum():,} test images right")
    axes.grid(visible=False)
    axes.figure.colorbar(image, ax=axes, label="mistakes", shrink=0.6)


if __name__ == "__main__":
    run(main)
