"""The results of a sweep as a table and as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev

from stages.shared.drawing import literal, new_figure, save

from dvc.ui import ui
from matplotlib.ticker import MaxNLocator, PercentFormatter

from tools.sweeping.comparison import CONFIDENCE, MOST_SEEDS, Row, seeds_for

PICTURE = Path("sweep.png")
PICTURE_ROWS = 30
SMALL = 0.002  # a difference in accuracy that matters
COLOR, WORSE = "#0072b2", "#d55e00"


def write_table(
    metric: str,
    rows: Sequence[Row],
    others: Mapping[str, Sequence[Sequence[float]]],
    markdown: bool,
) -> None:
    """Print a line per setting: mean ± standard deviation, and the difference to the best.

    Parameters
    ----------
    metric : str
        name of the compared values
    rows : sequence of Row
    others
        from names of further metrics to their values for each row
    markdown : bool
        whether to print a table in Markdown
    """
    difference = f"difference to the best, {CONFIDENCE:.0%} confidence"
    lines = [
        [row.setting, str(len(row.values)), _spread(row.values), _difference(row)]
        + [_spread(values[place]) for values in others.values()]
        for place, row in enumerate(rows)
    ]
    ui.table(lines, headers=["setting", "runs", metric, difference, *others], markdown=markdown)
    print(f"\n{_note(rows)}")


def _spread(values: Sequence[float]) -> str:
    return f"{mean(values):.4f}" + (f" ± {stdev(values):.4f}" if len(values) > 1 else "")


def _difference(row: Row) -> str:
    if not row.differences:
        return ""
    if row.margin is None:
        return f"{mean(row.differences):+.4f}"
    noise = "" if row.is_worse else ", within the seed's noise"
    return f"{mean(row.differences):+.4f} ± {row.margin:.4f}{noise}"


def _note(rows: Sequence[Row]) -> str:
    if len(rows) < 2:
        return "± is the standard deviation."
    if all(row.margin is None for row in rows):
        return "One seed does not tell a difference from the noise of the seed: --seeds 5."
    pairs = len(rows) * (len(rows) - 1) // 2
    corrected = f", Bonferroni-corrected for {pairs} pairs of settings" if pairs > 1 else ""
    needed = seeds_for(rows, SMALL)
    seeds = f"about {needed:,}" if needed else f"more than {MOST_SEEDS:,}"
    return (
        f"± is the standard deviation; for a difference, Student's t for pairs{corrected}.\n"
        f"For intervals of ± {SMALL}, these settings need {seeds} seeds."
    )


def draw(metric: str, rows: Sequence[Row]) -> None:
    """Draw the runs of each setting, and the intervals of the differences, from the best's mean."""
    shown = rows[:PICTURE_ROWS]
    best = mean(rows[0].values)
    picture = new_figure(7, 0.9 + 0.28 * len(shown))
    axes = picture.subplots()
    axes.axvline(best, color="0.7", linewidth=1)
    for place, row in enumerate(shown):
        color = WORSE if row.is_worse else COLOR
        axes.plot(row.values, [place] * len(row.values), "o", color=color, alpha=0.3, markersize=4)
    limits = axes.get_xlim()  # those of the points: an interval of two seeds is far wider
    for place, row in enumerate(shown):
        color = WORSE if row.is_worse else COLOR
        center = best + mean(row.differences) if row.differences else mean(row.values)
        axes.errorbar(center, place, xerr=row.margin, fmt="|", color=color, capsize=3)
    axes.set_xlim(limits)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_yticks(range(len(shown)), [literal(row.setting) for row in shown])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    picture.supxlabel(
        f"{metric} of each run, and {CONFIDENCE:.0%} intervals of the differences to the best",
        fontsize=8,
    )
    save(picture, PICTURE)
    print(f"{PICTURE}: each run and the intervals")
