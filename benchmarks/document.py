"""Write the measurements as tables into the marked places of the pages, and draw them."""

import re
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from benchmarks.jobs import JOBS, PEERS, ROWS, WIDTHS
from benchmarks.steps.runner import PEERS as STEP_PEERS
from benchmarks.steps.workloads import WORKLOADS

PAGES = (Path("docs/speed.md"), Path("README.md"))
GROWTH, ACCURACY = Path("docs/growth.png"), Path("docs/accuracy.png")
COLORS = dict(
    zip(PEERS, ("#0072b2", "#000000", "#e69f00", "#d55e00", "#009e73", "#cc79a7"), strict=True)
)
SHORT = ("time", "times ours", "memory", "validation accuracy")
Runs = list[dict[str, Any]]


def write(results: dict[str, Any], folder: Path) -> None:
    """Fill in the tables and draw the pictures of the parts that were measured.

    The project's pages are read; pages and pictures are written to the same paths in ``folder``.
    """
    (folder / "docs").mkdir(exist_ok=True)
    tables = {"machine": machine(results["machine"])}
    if "jobs" in results:
        tables["default job"] = job_table(results["jobs"]["default"], SHORT)
        tables["jobs"] = "\n\n".join(
            f"**{JOBS[name].title}**:\n\n{job_table(peers)}"
            for name, peers in results["jobs"].items()
        )
    if "rows" in results and "widths" in results:
        draw_growth(results["rows"], results["widths"]).savefig(folder / GROWTH)
        tables["growth"] = growth_table(results["rows"], results["widths"])
    if "accuracy" in results:
        draw_accuracy(results["accuracy"]).savefig(folder / ACCURACY)
    if "steps" in results:
        tables["steps"] = step_tables(results["steps"])
    if "profile" in results:
        tables["profile"] = profile_table(results["profile"])
    for page in PAGES:
        text = page.read_text()
        for name, table in tables.items():
            text = fill(text, name, table)
        (folder / page).write_text(text)


def fill(text: str, name: str, table: str) -> str:
    """Replace the lines between ``<!-- name -->`` and ``<!-- /name -->``, if there are any."""
    pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
    return re.sub(pattern, lambda found: f"{found[1]}{table}\n{found[2]}", text, flags=re.DOTALL)


def machine(found: dict[str, Any]) -> str:
    """Return a sentence about the machine and the packages."""
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    return (
        f"{found['processors']} × {found['processor']}, {found['memory']} of memory,"
        f" OpenBLAS's native kernels {found['kernels']}; {versions}."
    )


def middle(runs: Runs, value: Callable[[dict[str, Any]], float]) -> float:
    """Return the median of a value over the runs."""
    return median(value(run) for run in runs)


def wall(run: dict[str, Any]) -> float:
    """Return the seconds of a job."""
    return float(run["wall"])


def memory(run: dict[str, Any]) -> float:
    """Return the peak memory of a job in bytes."""
    return float(run["memory"])


def accuracy(run: dict[str, Any]) -> float:
    """Return the accuracy on the held-out images after the last epoch."""
    return float(run["epochs"][-1]["held_out"][1])


def job_cells(runs: Runs, ours: float) -> dict[str, str]:
    """Return the figures of a peer's runs by their titles, given this project's seconds."""
    walls = [wall(run) for run in runs]
    return {
        "time": f"{median(walls):.1f} s",
        "least to most": f"{min(walls):.1f} to {max(walls):.1f}" if len(walls) > 1 else "–",
        "times ours": f"{median(walls) / ours:.2f}",
        "start": f"{middle(runs, lambda run: run['start']):.1f} s",
        "compilation": f"{middle(runs, lambda run: run['compile']):.1f} s",
        "processor time": f"{middle(runs, lambda run: run['processor']):.1f} s",
        "memory": f"{middle(runs, memory) / 1e6:,.0f} MB",
        "validation accuracy": f"{100 * middle(runs, accuracy):.2f} %",
    }


def job_table(peers: dict[str, Runs], columns: tuple[str, ...] = ()) -> str:
    """Return a table of a job, fastest peer first, with all columns or with those given."""
    ours = middle(peers["ours"], wall)
    columns = columns or tuple(job_cells(peers["ours"], ours))
    lines = [f"| | {' | '.join(columns)} |", f"| ---{' | ---:' * len(columns)} |"]
    for name, runs in sorted(peers.items(), key=lambda item: middle(item[1], wall)):
        cells = job_cells(runs, ours)
        lines.append(f"| {' | '.join([PEERS[name], *(cells[column] for column in columns)])} |")
    return "\n".join(lines)


def growth_table(rows: dict[str, Any], widths: dict[str, Any]) -> str:
    """Return a table of the seconds and megabytes of each peer, by rows and by width."""
    lines = ["| | " + " | ".join(PEERS[name] for name in rows["1"]) + " |"]
    lines.append("| --- | " + " | ".join(["---:"] * len(rows["1"])) + " |")
    tasks = {key: task.title for key, task in (ROWS | WIDTHS).items()}
    for points in (rows, widths):
        for key, peers in points.items():
            cells = [
                f"{middle(peers[name], wall):.1f} s, {middle(peers[name], memory) / 1e6:,.0f} MB"
                if name in peers
                else "–"
                for name in rows["1"]
            ]
            lines.append(f"| {tasks[key]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def draw_growth(rows: dict[str, Any], widths: dict[str, Any]) -> Figure:
    """Draw time and memory over rows and over width, a line for each peer."""
    figure = Figure(figsize=(10, 7), dpi=120, layout="constrained")
    panels = figure.subplots(2, 2, sharey="row")
    for column, (points, label) in enumerate(
        ((rows, "rows, in multiples of MNIST's 55,000"), (widths, "units of the first layer"))
    ):
        for name, title in PEERS.items():
            found = [(int(key), peers[name]) for key, peers in points.items() if name in peers]
            scale = [key for key, _ in found]
            seconds = [middle(runs, wall) for _, runs in found]
            gigabytes = [middle(runs, memory) / 1e9 for _, runs in found]
            for axes, values in zip(panels[:, column], (seconds, gigabytes), strict=True):
                axes.plot(scale, values, "o-", color=COLORS[name], label=title, markersize=4)
        for axes in panels[:, column]:
            axes.set(xscale="log", yscale="log", xlabel=label)
            axes.set_xticks(sorted(map(int, points)), sorted(map(int, points)))
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.minorticks_off()
            plain_look(axes)
    panels[0, 0].set_ylabel("seconds of the job")
    panels[1, 0].set_ylabel("peak memory, GB")
    panels[0, 0].legend(frameon=False, fontsize=8)
    return figure


def draw_accuracy(recipes: dict[str, Any]) -> Figure:
    """Draw the test accuracy after each epoch over the seconds since the start of the process."""
    figure = Figure(figsize=(9, 5.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    for recipe, peers in recipes.items():
        for name, runs in peers.items():
            run = sorted(runs, key=wall)[len(runs) // 2]
            seconds = [epoch["seconds"] for epoch in run["epochs"]]
            errors = [1 - epoch["held_out"][1] for epoch in run["epochs"]]
            label = PEERS[name] if recipe == "reference" else None
            style = "--" if recipe == "fast" else "-"
            axes.plot(seconds, errors, style, color=COLORS[name], label=label, linewidth=1.5)
            if name == "ours":
                end = (seconds[-1], errors[-1])
                axes.annotate(recipe, end, (4, 0), textcoords="offset points", va="center")
    axes.set(xscale="log", yscale="log", xlabel="seconds since the start", ylabel="test accuracy")
    ticks = (0.9, 0.95, 0.97, 0.98, 0.99, 0.993, 0.995)
    axes.set_yticks([1 - tick for tick in ticks], [f"{100 * tick:.1f} %" for tick in ticks])
    axes.set_ylim(0.12, 0.004)
    seconds_axis = (1, 3, 10, 30, 100, 300, 1000, 3000)
    axes.set_xticks(seconds_axis, [str(second) for second in seconds_axis])
    axes.minorticks_off()
    plain_look(axes)
    title = "dashed: the recipe fast"
    axes.legend(frameon=False, fontsize=8, loc="lower right", title=title, title_fontsize=8)
    return figure


def plain_look(axes: Axes) -> None:
    """Hide the frame, and lighten the grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.grid(color="0.9", linewidth=0.6)


def step_tables(workloads: dict[str, Any]) -> str:
    """Return a table for each workload and number of threads."""
    lines = []
    for name, by_threads in workloads.items():
        for threads, timings in by_threads.items():
            lines += [
                f"**{WORKLOADS[name].title}**, {threads} thread{'s' if int(threads) > 1 else ''}:",
                "",
                "| | µs per step, median | least to most | times ours | validation accuracy |",
                "| --- | ---: | ---: | ---: | ---: |",
            ]
            ours = median(timings["ours"]["seconds"])
            for peer, timing in sorted(
                timings.items(), key=lambda item: median(item[1]["seconds"])
            ):
                micros = [1e6 * seconds for seconds in timing["seconds"]]
                learns = not peer.startswith("floor")
                percent = f"{100 * timing['accuracy']:.2f} %"
                lines.append(
                    f"| {STEP_PEERS[peer].title} | {median(micros):,.1f}"
                    f" | {min(micros):,.1f} to {max(micros):,.1f}"
                    f" | {median(micros) / 1e6 / ours:.2f}"
                    f" | {percent if learns else '–'} |"
                )
            lines.append("")
    return "\n".join(lines[:-1])


def profile_table(parts: dict[str, float]) -> str:
    """Return a table of the parts of a step and their shares."""
    total = sum(parts.values())
    lines = ["| part of a step | µs | share |", "| --- | ---: | ---: |"]
    lines += [
        f"| {name} | {micros:.2f} | {100 * micros / total:.0f} % |"
        for name, micros in parts.items()
    ]
    return "\n".join([*lines, f"| sum | {total:.2f} | |"])
