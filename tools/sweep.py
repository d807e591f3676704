"""Compare settings over several seeds, and tell differences from the noise of the seed.

Several values of ``-S``, as in ``dvc exp run --set-param``, make a grid; without it, params.yaml is
run unchanged. Every run is an experiment of DVC. A run that has a result is not repeated.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from stages.shared.errors import errors_as_lines

from dvc.exceptions import DvcException
from tqdm import tqdm

from tools.sweeping import local, slurm
from tools.sweeping.comparison import compare
from tools.sweeping.grid import METRICS, SEED, Grid, Run
from tools.sweeping.programs import check_project, clean_environment
from tools.sweeping.table import draw, write_table

DATA = "preprocess"  # the stage whose results most runs share


def main() -> None:
    """Execute the runs that have no results, and compare all."""
    options = parse_options()
    clean_environment()
    check_project()
    try:
        grid = Grid(options.set_param, options.seeds)
        if options.on == "slurm":
            slurm.check()
            slurm.fetch()
        prepare_data()
        failures = execute(grid, options)
        done = grid.results()
    except DvcException as error:
        sys.exit(f"error: {error}")
    if done:
        show(grid, done, METRICS if options.test else METRICS[:2], options.markdown)
    for (setting, seed), reason in failures.items():
        print(f"error: {grid.label(setting)} {SEED}={seed}: {reason}", file=sys.stderr)
    sys.exit(1 if failures else 0)


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.sweep", description=__doc__)
    add = parser.add_argument
    add(
        *("-S", "--set-param"),
        action="append",
        default=[],
        metavar="KEY=VALUE[,VALUE...]",
        help="values of a parameter",
    )
    add("--seeds", type=int, default=5, metavar="N", help="runs per setting (default 5)")
    add("--jobs", type=int, metavar="N", help="runs at a time (default: all processors)")
    add("--on", choices=("queue", "slurm"), default="queue", help="DVC's queue, or a cluster")
    add("--test", action="store_true", help="show the scores on the test set, too")
    add("--markdown", action="store_true", help="print the table in Markdown")
    options = parser.parse_args()
    for name in ("seeds", "jobs"):
        if getattr(options, name) is not None and getattr(options, name) < 1:
            parser.error(f"--{name}: must be at least 1")
    return options


def prepare_data() -> None:
    """Make the data that the runs share, and record the present code of each stage."""
    command = ["dvc", "--wait-for-lock", "repro", "--quiet", DATA]
    if code := subprocess.run(command, stdout=sys.stderr, check=False).returncode:
        sys.exit(code)  # DVC and the stage have said why


def execute(grid: Grid, options: argparse.Namespace) -> dict[Run, str]:
    """Execute the runs that have no results, and return the last error of each that fails."""
    done = grid.results()
    missing = [each for each in grid.runs if each not in done]
    if not missing:
        return {}
    bar: tqdm[NoReturn]
    with tqdm(total=len(grid.runs), initial=len(done), unit="run", disable=None) as bar:
        try:
            if options.on == "slurm":
                return slurm.execute(grid, missing, options.jobs, bar)
            return local.execute(grid, missing, options.jobs or os.cpu_count() or 1, bar)
        except KeyboardInterrupt:
            stop = "scancel" if options.on == "slurm" else "dvc queue stop --kill"
            print(
                f"\nThe runs go on. The same command waits for them; {stop} ends them.",
                file=sys.stderr,
            )
            raise


def show(
    grid: Grid, done: Mapping[Run, Mapping[str, float]], names: Sequence[str], markdown: bool
) -> None:
    """Print the table, and draw it; settings are compared by the first name."""
    first, *others = names
    results: dict[str, dict[str, dict[int, float]]] = {name: {} for name in names}
    for (setting, seed), metrics in done.items():
        for name in names:
            results[name].setdefault(grid.label(setting), {})[seed] = metrics[name]
    rows = compare(results[first])
    values = {name: [[*results[name][row.setting].values()] for row in rows] for name in others}
    write_table(first, rows, values, markdown)
    draw(first, rows)


if __name__ == "__main__":
    with errors_as_lines():
        main()
