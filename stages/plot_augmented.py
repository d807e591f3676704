"""Plot a few training images, undeformed and with new deformations as in each epoch."""

import math

from stages.files import processed
from stages.files.figures import literal, new_figure, save
from stages.files.paths import AUGMENTED_PLOT
from stages.running.errors import StageError
from stages.running.runner import run
from stages.settings.augment import Augment
from stages.settings.plot import Plot
from stages.settings.section import load

import numpy as np
from numpy.typing import NDArray

from network.deformation import Deformation

IMAGES, EPOCHS = 8, 5
INCHES = 0.8


def main() -> None:
    limits, seed = load("augment", Augment).model_dump(), load("plot", Plot).seed
    classes = processed.load_classes()
    images, labels = processed.load("train", len(classes))
    if not len(labels):
        raise StageError(f"{processed.labels_path('train')}: holds no labels")
    choice, numbers = map(np.random.default_rng, np.random.SeedSequence(seed).spawn(2))
    chosen = choice.choice(len(labels), IMAGES)

    deform = Deformation(images.shape[1], **limits)
    epochs = EPOCHS if any(limits.values()) else 0
    grid = np.stack([images[chosen], *(deform(images[chosen], numbers) for _ in range(epochs))])
    draw(grid, [classes[label] for label in labels[chosen]])


def draw(grid: NDArray[np.float32], names: list[str]) -> None:
    """Draw images (1 + epochs, images, pixels), one per column, undeformed in the first row."""
    rows, columns, pixels = grid.shape
    side = math.isqrt(pixels)
    figure = new_figure(INCHES * columns, INCHES * rows + 0.6)
    deformed = "as they are, and below deformed as in training" if rows > 1 else "not deformed"
    figure.suptitle(f"Training images, {deformed}")
    cells = figure.subplots(rows, columns, squeeze=False)
    for (row, column), axes in np.ndenumerate(cells):
        axes.imshow(grid[row, column].reshape(side, side), cmap="gray_r", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(True)
    for axes, name in zip(cells[0], names, strict=True):
        axes.set_title(literal(name))
    save(figure, AUGMENTED_PLOT)


if __name__ == "__main__":
    run(main)
