"""Plot accuracy against confidence on the test set: a reliability diagram."""

from stages.files.figures import new_figure, save
from stages.files.paths import RELIABILITY, RELIABILITY_PLOT
from stages.files.reading import number, read_table
from stages.running.errors import StageError
from stages.running.runner import run

from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from network.metrics import Bin, calibration_error

COLOR = "#0072b2"
KINDS = (number(0, 1), number(0, 1), number(1, 1e12, int))


def main() -> None:
    bins = read_bins()
    figure = new_figure(width=4.2, height=5)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    draw_accuracy(upper, bins)
    upper.set_title(f"Expected calibration error {calibration_error(bins):.2%}")
    confidence, samples = [each.confidence for each in bins], [each.samples for each in bins]
    lower.stem(confidence, samples, linefmt=COLOR, basefmt=" ")
    lower.set(xlabel="confidence", ylabel="test images", yscale="log")
    lower.yaxis.set_major_formatter("{x:,.0f}")
    save(figure, RELIABILITY_PLOT)


def read_bins() -> list[Bin]:
    rows = read_table(RELIABILITY, dict(zip(Bin._fields, KINDS, strict=True)))
    bins = [Bin(*row) for row in rows]
    if not bins:
        raise StageError(f"{RELIABILITY}: holds no bins")
    return bins


def draw_accuracy(axes: Axes, bins: list[Bin]) -> None:
    """Draw a point per bin beside the diagonal, where accuracy equals confidence."""
    confidence, accuracy = [each.confidence for each in bins], [each.accuracy for each in bins]
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", label="perfect calibration")
    axes.plot(confidence, accuracy, color=COLOR, marker="o", label="this network")
    axes.set(ylabel="accuracy", xlim=(0, 1.02), ylim=(0, 1.02))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(loc="upper left")


if __name__ == "__main__":
    run(main)
