"""Plot loss and accuracy over the epochs; with --follow, redraw whenever training adds one."""

import argparse
import csv
import time
from contextlib import suppress

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from stages.common.errors import StageError, run
from stages.common.figures import new_figure, save
from stages.common.paths import HISTORY, LOSS_PLOT

SPLIT_COLORS = {"train": "#0072b2", "validation": "#d55e00"}
POLL_SECONDS = 0.2

History = list[dict[str, str]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.plot_loss", description=__doc__)
    parser.add_argument("--follow", action="store_true", help="keep redrawing, until Ctrl-C")
    if parser.parse_args().follow:
        with suppress(KeyboardInterrupt):
            follow()
    else:
        draw(read_history())


def follow() -> None:
    """Draw the history each time that it has grown."""
    print(f"following {HISTORY} into {LOSS_PLOT}; Ctrl-C ends it", flush=True)
    drawn: History = []
    while True:
        with suppress(FileNotFoundError):  # not there before training starts
            history = read_history()
            if history and history != drawn:
                draw(history)
                print(f"{LOSS_PLOT}: epoch {history[-1]['epoch']}", flush=True)
                drawn = history
        time.sleep(POLL_SECONDS)


def read_history() -> History:
    """Read the finished epochs, each a mapping from column to text."""
    with HISTORY.open(newline="") as file:
        return list(csv.DictReader(file))


def draw(history: History) -> None:
    figure = new_figure(width=8, height=3.2)
    loss, accuracy = figure.subplots(1, 2)
    plot(loss, history, "loss")
    plot(accuracy, history, "accuracy")
    loss.set(title="Loss", ylabel="cross-entropy (nats)")
    loss.set_ylim(bottom=0)
    accuracy.set(title="Accuracy", ylabel="correctly classified")
    accuracy.yaxis.set_major_formatter(PercentFormatter(1))
    save(figure, LOSS_PLOT)


def plot(axes: Axes, history: History, quantity: str) -> None:
    """Draw a curve for each split that has figures."""
    for split, color in SPLIT_COLORS.items():
        try:
            points = [
                (int(epoch["epoch"]), float(figure))
                for epoch in history
                if (figure := epoch[f"{split}_{quantity}"])
            ]
        except (KeyError, ValueError, TypeError) as error:
            raise StageError(f"{HISTORY}: not a training history: {error}") from None
        if points:
            axes.plot(*zip(*points, strict=True), color=color, label=split, marker=".")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
    axes.legend()


if __name__ == "__main__":
    run(main)
