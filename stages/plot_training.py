"""Plot the training: loss and accuracy per epoch, the first layer's weights, deformed images."""

import math

from stages.shared.datasets import SIDE
from stages.shared.drawing import (
    INK,
    SPLIT_COLORS,
    corners_of,
    draw_images,
    literal,
    new_figure,
    save,
)
from stages.shared.files import load_dataset, load_history, load_network, load_split
from stages.shared.paths import AUGMENTED_PLOT, LOSS_PLOT, WEIGHTS_PLOT
from stages.shared.running import run
from stages.shared.settings import Augment, Plot, load

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from network.deformation import Deformation

MOST_UNITS = 100
FULL_COLOR = 0.999  # share of the weights within the range of the colours
IMAGES, EPOCHS = 8, 5


def main() -> None:
    limits, seed = load(Augment).model_dump(), load(Plot).seed
    draw_history(load_history())
    draw_weights(load_network().state_dict()["W1"])

    images, labels = load_split("train")
    choice, numbers = map(np.random.default_rng, np.random.SeedSequence(seed).spawn(2))
    chosen = choice.choice(len(labels), IMAGES)
    deform = Deformation(images.shape[1], **limits)
    epochs = EPOCHS if any(limits.values()) else 0
    grid = np.stack([images[chosen], *(deform(images[chosen], numbers) for _ in range(epochs))])
    classes = load_dataset().classes
    draw_augmented(grid, [classes[label] for label in labels[chosen]])


def draw_history(history: list[dict[str, float]]) -> None:
    """Draw loss and accuracy side by side, a curve for each split that has scores."""
    figure = new_figure(width=8, height=3.2)
    loss, accuracy = figure.subplots(1, 2)
    draw_curves(loss, history, "loss")
    draw_curves(accuracy, history, "accuracy")
    loss.set(title="Loss", ylabel="cross-entropy (nats)")
    loss.set_ylim(bottom=0)
    accuracy.set(title="Accuracy", ylabel="accuracy")
    accuracy.yaxis.set_major_formatter(PercentFormatter(1))
    save(figure, LOSS_PLOT)


def draw_curves(axes: Axes, history: list[dict[str, float]], score: str) -> None:
    epochs = [row["epoch"] for row in history]
    for split, color in SPLIT_COLORS.items():
        if f"{split}_{score}" in history[0]:
            scores = [row[f"{split}_{score}"] for row in history]
            axes.plot(epochs, scores, color=color, label=split, marker=".", clip_on=False)
    if len(history) == 1:
        axes.set_xlim(0, 2)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
    axes.legend()


def draw_weights(weights: NDArray[np.float32]) -> None:
    """Draw the weights (784, units) of each unit as an image."""
    units = weights.T
    shown = units[:MOST_UNITS]
    columns = math.ceil(math.sqrt(len(shown)))
    rows = math.ceil(len(shown) / columns)
    figure = new_figure(0.75 * columns + 1, 0.75 * rows + 0.4)
    axes = figure.subplots()
    limit = float(np.quantile(np.abs(shown), FULL_COLOR))
    image = draw_images(axes, shown, columns, cmap="RdBu_r", vmin=-limit, vmax=limit)
    part = f" ({len(shown)} of {len(units)})" if len(shown) < len(units) else ""
    axes.set_title(f"Weights of the first layer, unit by unit{part}")
    figure.colorbar(image, label="weight of a pixel", shrink=0.6, extend="both")
    save(figure, WEIGHTS_PLOT)


def draw_augmented(grid: NDArray[np.float32], names: list[str]) -> None:
    """Draw images (1 + epochs, images, pixels), one per column, undeformed in the first row."""
    rows, columns, pixels = grid.shape
    figure = new_figure(0.8 * columns, 0.8 * rows + 0.7)
    axes = figure.subplots()
    axes.set_facecolor("0.8")  # seen between the images
    gap = 1, 1
    draw_images(axes, grid.reshape(-1, pixels), columns, gap, **INK)
    deformed = "as they are, and below deformed as in training" if rows > 1 else "not deformed"
    axes.set_title(f"Training images, {deformed}")
    centers = [left + (SIDE - 1) / 2 for left, _ in corners_of(columns, columns, gap)]
    axes.set_xticks(centers, [literal(name) for name in names])
    axes.tick_params(top=False, labeltop=True, labelbottom=False, bottom=False)
    save(figure, AUGMENTED_PLOT)


if __name__ == "__main__":
    run(main)
