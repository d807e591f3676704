"""The results of a sweep as a table, as CSV and as a picture."""

import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev

from stages.shared.drawing import new_figure, save

from dvc.ui import ui
from matplotlib.ticker import MaxNLocator, PercentFormatter

from tools.sweeping.comparison import CONFIDENCE, Row

PICTURE = Path("sweep.png")
PICTURE_ROWS = 30
COLOR, WORSE = "#0072b2", "#d55e00"
Values = Mapping[str, Sequence[float]]  # of each figure, a value for each run


def write_table(figure: str, rows: Sequence[Row], others: Sequence[Values], markdown: bool) -> None:
    """Print a line for each setting: mean ± standard deviation, and the difference to the best."""
    header = ["setting", "runs", figure, f"difference to the best, {CONFIDENCE:.0%} confidence"]
    lines = [
        [row.setting, str(len(row.values)), _spread(row.values), _difference(row)]
        + [_spread(values) for values in other.values()]
        for row, other in zip(rows, others, strict=True)
    ]
    ui.table(lines, headers=[*header, *others[0]], markdown=markdown)
    if any(row.margin is not None for row in rows):
        pairs = len(rows) * (len(rows) - 1) // 2
        corrected = f", Bonferroni-corrected for {pairs} pairs of settings" if pairs > 1 else ""
        print(f"± is the standard deviation; of a difference, Student's t for pairs{corrected}")


def _spread(values: Sequence[float]) -> str:
    return f"{mean(values):.4f}" + (f" ± {stdev(values):.4f}" if len(values) > 1 else "")


def _difference(row: Row) -> str:
    if not row.differences:
        return ""
    if row.margin is None:
        return f"{mean(row.differences):+.4f}"
    noise = "" if row.is_worse else ", within the seed's noise"
    return f"{mean(row.differences):+.4f} ± {row.margin:.4f}{noise}"


def write_csv(figure: str, rows: Sequence[Row], others: Sequence[Values]) -> None:
    """Print the same numbers as CSV, with the deviations in separate columns."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    names = [name for other in (figure, *others[0]) for name in (other, f"{other} deviation")]
    writer.writerow(["setting", "runs", *names[:2], "difference", "margin", *names[2:]])
    for row, other in zip(rows, others, strict=True):
        first, *rest = (_numbers(values) for values in (row.values, *other.values()))
        difference = _number(mean(row.differences)) if row.differences else ""
        margin = "" if row.margin is None else _number(row.margin)
        cells = [number for numbers in rest for number in numbers]
        writer.writerow([row.setting, len(row.values), *first, difference, margin, *cells])


def _numbers(values: Sequence[float]) -> tuple[str, str]:
    return _number(mean(values)), _number(stdev(values)) if len(values) > 1 else ""


def _number(value: float) -> str:
    return f"{value:.6g}"


def draw(figure: str, rows: Sequence[Row]) -> None:
    """Draw the runs of each setting, and the intervals of the differences, from the best's mean."""
    shown = rows[:PICTURE_ROWS]
    best = mean(rows[0].values)
    picture = new_figure(7, 0.9 + 0.28 * len(shown))
    axes = picture.subplots()
    axes.axvline(best, color="0.7", linewidth=1)
    for place, row in enumerate(shown):
        color = WORSE if row.is_worse else COLOR
        axes.plot(row.values, [place] * len(row.values), "o", color=color, alpha=0.3, markersize=4)
        center = best + mean(row.differences) if row.differences else mean(row.values)
        axes.errorbar(center, place, xerr=row.margin, fmt="|", color=color, capsize=3)
    left, right = axes.get_xlim()
    axes.set_xlim(max(left, 0), min(right, 1))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_yticks(range(len(shown)), [row.setting for row in shown])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    picture.supxlabel(
        f"{figure} of each run, and {CONFIDENCE:.0%} intervals of the differences to the best",
        fontsize=8,
    )
    save(picture, PICTURE)
