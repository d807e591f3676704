"""Repeat a setting over several seeds, and tell how much of a difference is more than the seed.

``python -m tools.seeds`` repeats params.yaml as it stands. With ``--set-param``, as ``dvc exp run``
takes it, that setting is repeated as well, and the two are compared seed by seed. Every run is an
experiment in DVC's queue, and comes from its cache when it has been run before.
"""

import argparse
import re
import subprocess
import sys
from statistics import mean, stdev
from typing import Any

import dvc.api
from scipy import stats

FIGURES = ("validation.accuracy", "validation.loss", "test.accuracy", "test.loss")
CONFIDENCE = 0.95


def main() -> None:
    """Queue the runs, wait for them, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tools.seeds", description=__doc__)
    parser.add_argument("-S", "--set-param", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 0 (default 5)")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time (default 2)")
    arguments = parser.parse_args()
    if arguments.seeds < 2:
        parser.error("--seeds must be at least 2: one run has no spread")

    settings = [[], arguments.set_param] if arguments.set_param else [[]]
    names = [[queue(setting, seed) for seed in range(arguments.seeds)] for setting in settings]
    print(f"{sum(map(len, names))} runs, {arguments.jobs} at a time; dvc queue status counts them")
    run_dvc("exp", "run", "--run-all", "--jobs", str(arguments.jobs))
    results = [[read_figures(name) for name in runs] for runs in names]
    print("\n".join(tabulate(*results)))


def queue(setting: list[str], seed: int) -> str:
    """Put a run into DVC's queue, and return its name."""
    options = [f"--set-param={override}" for override in [*setting, f"train.seed={seed}"]]
    names = re.findall("Queued experiment '(.+)'", run_dvc("exp", "run", "--queue", *options))
    if len(names) != 1:
        run_dvc("queue", "remove", *names)
        sys.exit(f"error: --set-param: must be one setting, not a grid: {' '.join(setting)}")
    return str(names[0])


def run_dvc(*arguments: str) -> str:
    """Run DVC and return what it says; if it fails, end with that."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"error: dvc {' '.join(arguments)}:\n{done.stderr.strip()}")
    return done.stdout


def read_figures(name: str) -> dict[str, float]:
    """Read what an experiment has come to."""
    try:
        metrics: dict[str, Any] = dvc.api.metrics_show(rev=name)
        return {
            figure: metrics[split][quantity]
            for figure in FIGURES
            for split, quantity in [figure.split(".")]
            if split in metrics  # no validation, no figures of it
        }
    except Exception as error:
        sys.exit(f"error: {name}: has no metrics, see `dvc queue logs {name}`: {error}")


def tabulate(
    baseline: list[dict[str, float]], changed: list[dict[str, float]] | None = None
) -> list[str]:
    """Write mean ± standard deviation and, of two settings, their difference, in Markdown."""
    lines = ["| | params.yaml |", "| --- | ---: |"]
    if changed:
        columns = f"changed | difference, {CONFIDENCE:.0%} confidence"
        lines = [f"| | params.yaml | {columns} |", "| --- | ---: | ---: | ---: |"]
    for figure in FIGURES:
        if not all(figure in run for run in [*baseline, *(changed or [])]):
            continue
        before = [run[figure] for run in baseline]
        cells = [figure, f"{mean(before):.4f} ± {stdev(before):.4f}"]
        if changed:
            after = [run[figure] for run in changed]
            difference, margin = compare(before, after)
            verdict = "" if abs(difference) > margin else ", within the seed's noise"
            cells.append(f"{mean(after):.4f} ± {stdev(after):.4f}")
            cells.append(f"{difference:+.4f} ± {margin:.4f}{verdict}")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def compare(before: list[float], after: list[float]) -> tuple[float, float]:
    """Return the mean of the paired differences, and half the width of its confidence interval.

    Source: Student's t for paired samples: mean ± t s / √n, with n - 1 degrees of freedom.
    """
    differences = [b - a for a, b in zip(before, after, strict=True)]
    runs = len(differences)
    quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, runs - 1))
    return mean(differences), quantile * stdev(differences) / runs**0.5


if __name__ == "__main__":
    main()
