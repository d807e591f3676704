"""Plot how often the network is right against how sure it is of it: a reliability diagram."""

import csv
import json

from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from stages.common.errors import StageError, run
from stages.common.figures import new_figure, save
from stages.common.paths import RELIABILITY, RELIABILITY_PLOT, TEST_METRICS

COLOR = "#0072b2"


def main() -> None:
    confidence, accuracy, samples = read_bins()
    figure = new_figure(width=4.2, height=5)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    draw_accuracy(upper, confidence, accuracy)
    upper.set_title(f"Expected calibration error {read_calibration_error():.2%}")
    lower.stem(confidence, samples, linefmt=COLOR, basefmt=" ")
    lower.set(xlabel="probability of the class predicted", ylabel="test images", yscale="log")
    save(figure, RELIABILITY_PLOT)


def read_bins() -> tuple[list[float], list[float], list[int]]:
    """Read mean probability, share that is right and number of images, bin by bin."""
    with RELIABILITY.open(newline="") as file:
        try:
            rows = [
                (float(row["confidence"]), float(row["accuracy"]), int(row["samples"]))
                for row in csv.DictReader(file)
            ]
            confidence, accuracy, samples = zip(*rows, strict=True)
        except (KeyError, ValueError, TypeError) as error:
            raise StageError(f"{RELIABILITY}: not bins of a reliability diagram: {error}") from None
    return list(confidence), list(accuracy), list(samples)


def read_calibration_error() -> float:
    """Read the figure that ``evaluate`` found."""
    try:
        return float(json.loads(TEST_METRICS.read_bytes())["test"]["calibration_error"])
    except (ValueError, KeyError, TypeError) as error:
        raise StageError(f"{TEST_METRICS}: holds no test.calibration_error: {error}") from None


def draw_accuracy(axes: Axes, confidence: list[float], accuracy: list[float]) -> None:
    """Draw a point a bin beside the diagonal, on which a network knows how sure to be."""
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", label="as sure as right")
    axes.plot(confidence, accuracy, color=COLOR, marker="o", label="this network")
    axes.set(ylabel="of these, right", xlim=(0, 1.02), ylim=(0, 1.02))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(loc="upper left")


if __name__ == "__main__":
    run(main)
