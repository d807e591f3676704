"""The results of a sweep as a table and as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev

from stages.shared.drawing import BLUE, ORANGE, literal, new_figure, save

from dvc.ui import ui
from matplotlib.ticker import MaxNLocator, PercentFormatter

from tools.sweeping.comparison import CONFIDENCE, Row, compare

PICTURE = Path("sweep.png")
PICTURE_ROWS = 30
NOTE = """\
± after a mean is the standard deviation; after a difference, it is the interval of Student's t test
for pairs, corrected by Bonferroni's inequality for all pairs of settings."""
ONE_SEED = "One seed does not tell a difference from the noise of the seed: --seeds 5."


def show(results: Mapping[str, Mapping[int, Mapping[str, float]]], names: Sequence[str]) -> None:
    """Print a line per setting, and draw all runs.

    Parameters
    ----------
    results
        from settings to seeds to names to values
    names
        names of values; the settings are compared by the first
    """
    first, *others = names
    rows = compare(
        {
            setting: {seed: values[first] for seed, values in runs.items()}
            for setting, runs in results.items()
        }
    )
    lines = []
    for row in rows:
        runs = results[row.setting].values()
        spreads = [_spread([values[name] for values in runs]) for name in names]
        lines.append([row.setting, str(len(runs)), spreads[0], _difference(row), *spreads[1:]])
    difference = f"difference to the best, {CONFIDENCE:.0%} confidence"
    ui.table(lines, headers=["setting", "runs", first, difference, *others], markdown=True)
    only_one = all(row.margin is None for row in rows)
    if len(rows) > 1:
        print(ONE_SEED if only_one else NOTE)
    draw(first, rows)


def _spread(values: Sequence[float]) -> str:
    return f"{mean(values):.4f}" + (f" ± {stdev(values):.4f}" if len(values) > 1 else "")


def _difference(row: Row) -> str:
    if row.difference is None:
        return ""
    if row.margin is None:
        return f"{row.difference:+.4f}"
    noise = "" if row.is_worse else ", within the seed's noise"
    return f"{row.difference:+.4f} ± {row.margin:.4f}{noise}"


def draw(metric: str, rows: Sequence[Row]) -> None:
    """Draw the runs of each setting, and the intervals of the differences, from the best's mean."""
    shown = rows[:PICTURE_ROWS]
    colors = [ORANGE if row.is_worse else BLUE for row in shown]
    best = mean(rows[0].values)
    picture = new_figure(7, 0.9 + 0.28 * len(shown))
    axes = picture.subplots()
    axes.axvline(best, color="0.7", linewidth=1)
    for place, (row, color) in enumerate(zip(shown, colors, strict=True)):
        axes.plot(row.values, [place] * len(row.values), "o", color=color, alpha=0.3, markersize=4)
    limits = axes.get_xlim()  # those of the points: an interval of two seeds is far wider
    for place, (row, color) in enumerate(zip(shown, colors, strict=True)):
        center = mean(row.values) if row.difference is None else best + row.difference
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
