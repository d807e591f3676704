"""Plot loss and accuracy per epoch; with --follow, redraw after each epoch of a training."""

import argparse
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from stages.files.figures import new_figure, save
from stages.files.paths import HISTORY, LOSS_PLOT
from stages.files.reading import number, optional, read_table
from stages.files.writing import partial
from stages.running.runner import run

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

SPLIT_COLORS = {"train": "#0072b2", "validation": "#d55e00"}
POLL_SECONDS = 0.2


class Point(NamedTuple):
    """The scores after an epoch, None for a split without images."""

    epoch: int
    train_loss: float | None
    validation_loss: float | None
    train_accuracy: float | None
    validation_accuracy: float | None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.plot_loss", description=__doc__)
    parser.add_argument("--follow", action="store_true", help="redraw until Ctrl-C")
    if parser.parse_args().follow:
        with suppress(KeyboardInterrupt):
            follow()
    else:
        draw(read_history(HISTORY))


def follow() -> None:
    """Redraw the history whenever it has changed."""
    print(f"following {HISTORY}, drawing {LOSS_PLOT}; Ctrl-C ends it", flush=True)
    drawn: list[Point] = []
    while True:
        for path in (partial(HISTORY), HISTORY):  # while training runs, and after it
            with suppress(FileNotFoundError):
                history = read_history(path)
                if history and history != drawn:
                    draw(history)
                    print(f"{LOSS_PLOT}: epoch {history[-1].epoch}", flush=True)
                    drawn = history
                break
        time.sleep(POLL_SECONDS)


def read_history(path: Path) -> list[Point]:
    """Read the scores of the epochs that have ended."""
    loss, accuracy = optional(number(0, 1e30)), optional(number(0, 1))
    kinds = (number(1, 1e9, int), loss, loss, accuracy, accuracy)
    return [Point(*row) for row in read_table(path, dict(zip(Point._fields, kinds, strict=True)))]


def draw(history: list[Point]) -> None:
    figure = new_figure(width=8, height=3.2)
    loss, accuracy = figure.subplots(1, 2)
    plot(loss, history, "loss")
    plot(accuracy, history, "accuracy")
    loss.set(title="Loss", ylabel="cross-entropy (nats)")
    loss.set_ylim(bottom=0)
    accuracy.set(title="Accuracy", ylabel="accuracy")
    accuracy.yaxis.set_major_formatter(PercentFormatter(1))
    save(figure, LOSS_PLOT)


def plot(axes: Axes, history: list[Point], quantity: str) -> None:
    """Draw a curve for each split that has scores."""
    for split, color in SPLIT_COLORS.items():
        figures = [(point.epoch, getattr(point, f"{split}_{quantity}")) for point in history]
        points = [(epoch, figure) for epoch, figure in figures if figure is not None]
        if points:
            axes.plot(
                *zip(*points, strict=True), color=color, label=split, marker=".", clip_on=False
            )
    if len(history) == 1:
        axes.set_xlim(0, 2)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
    axes.legend()


if __name__ == "__main__":
    run(main)
