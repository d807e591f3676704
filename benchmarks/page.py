"""The measurements as tables in the pages, and the growth as a picture.

``found`` is the ``machine``, and for the parts ``jobs``, ``rows`` and ``widths`` by the key of each
task its ``title`` and its ``runs``, a list for each peer.
"""

import re
from pathlib import Path
from statistics import median
from typing import Any

from stages.shared.drawing import new_figure, save

import numpy as np
from matplotlib.ticker import LogLocator

PAGES = Path("README.md"), Path("docs/speed.md")
GROWTH = Path("docs/growth.png")
OURS = "this project"
COLORS = ("#0072b2", "#56b4e9", "#999999", "#e69f00", "#d55e00", "#009e73")
SHORT = ("time", "times ours", "memory", "validation accuracy")

Runs = list[dict[str, Any]]


def write(found: dict[str, Any], folder: Path) -> None:
    """Fill the tables into the pages, and draw the picture, in a folder."""
    jobs = found["jobs"]
    tables = {
        "machine": found["machine"],
        "default job": job_table(jobs["default"]["runs"], SHORT),
        "jobs": "\n\n".join(
            f"**{task['title']}**:\n\n{job_table(task['runs'])}" for task in jobs.values()
        ),
    }
    draw_growth(found["rows"], found["widths"], folder / GROWTH)
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for name, table in tables.items():
            pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
            text = re.sub(pattern, rf"\g<1>{table}\n\g<2>", text, flags=re.DOTALL)
        (folder / page).write_text(text, encoding="utf-8", newline="\n")


def middle(runs: Runs, name: str) -> float:
    """Return the median of a measurement over the runs."""
    return float(median(run[name] for run in runs))


def job_cells(runs: Runs, ours: float) -> dict[str, str]:
    """Return the measurements of a peer by their titles, given this project's seconds."""
    walls = [run["wall"] for run in runs]
    accuracy = median(run["scores"]["validation"][1] for run in runs)
    return {
        "time": f"{median(walls):.1f} s",
        "least to most": f"{min(walls):.1f} to {max(walls):.1f}" if len(walls) > 1 else "–",
        "times ours": f"{median(walls) / ours:.2f}",
        "processor time": f"{middle(runs, 'processor'):.1f} s",
        "memory": f"{middle(runs, 'memory') / 1e6:,.0f} MB",
        "validation accuracy": f"{100 * accuracy:.2f} %",
    }


def job_table(peers: dict[str, Runs], columns: tuple[str, ...] = ()) -> str:
    """Return a table of a job, fastest peer first, with all columns or with those given."""
    ours = middle(peers[OURS], "wall")
    columns = columns or tuple(job_cells(peers[OURS], ours))
    lines = [f"| | {' | '.join(columns)} |", f"| ---{' | ---:' * len(columns)} |"]
    for name, runs in sorted(peers.items(), key=lambda item: middle(item[1], "wall")):
        cells = job_cells(runs, ours)
        lines.append(f"| {' | '.join([name, *(cells[column] for column in columns)])} |")
    return "\n".join(lines)


def draw_growth(rows: dict[int, Any], widths: dict[int, Any], path: Path) -> None:
    """Draw time and memory over rows and over width, a line for each peer."""
    figure = new_figure(9, 6.4)
    panels = figure.subplots(2, 2, sharey="row")
    labels = ("rows, in multiples of MNIST's 55,000", "units of the first layer")
    measures = (("seconds of the job", "wall", 1), ("peak memory, GB", "memory", 1e9))
    for (row, column), axes in np.ndenumerate(panels):
        tasks, (title, measure, unit) = (rows, widths)[column], measures[row]
        for name, color in zip(tasks[min(tasks)]["runs"], COLORS, strict=True):
            points = {
                key: middle(task["runs"][name], measure) / unit
                for key, task in tasks.items()
                if name in task["runs"]
            }
            axes.plot(*zip(*points.items(), strict=True), "o-", color=color, label=name, ms=4)
        axes.set(xscale="log", yscale="log", xlabel=labels[column])
        axes.set_xticks(list(tasks), list(map(str, tasks)))
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        if column == 0:
            axes.set_ylabel(title)
    panels[1, 1].legend(loc="upper left")  # where no line is
    save(figure, path)
