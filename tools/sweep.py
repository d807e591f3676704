"""Compare settings over several seeds, and tell differences from the noise of the seed.

Several values of ``-S``, as in ``dvc exp run --set-param``, make a grid; without it, params.yaml is
run unchanged. Every run is an experiment of DVC. A run that has a result is not repeated.
"""

import argparse
import subprocess
import sys
import time
from typing import NoReturn

from stages.shared.errors import StageError, errors_as_lines

from dvc.exceptions import DvcException
from tqdm import tqdm

from tools.sweeping.grid import METRICS, SEED, Grid, Run
from tools.sweeping.local import Queue
from tools.sweeping.programs import check_project, clean_environment
from tools.sweeping.slurm import Slurm
from tools.sweeping.table import show

DATA = "preprocess"  # the stage whose results most runs share


def main() -> None:
    """Execute the runs that have no results, and compare all."""
    options = parse_options()
    clean_environment()
    try:
        check_project()
        grid = Grid(options.set_param, options.seeds)
        place = Slurm(options.jobs) if options.on == "slurm" else Queue(grid, options.jobs)
        prepare_data()
        failures = execute(grid, place)
        results = grid.results()
    except DvcException as error:
        raise StageError(error) from None
    labelled: dict[str, dict[int, dict[str, float]]] = {}
    for (setting, seed), metrics in results.items():
        labelled.setdefault(grid.label(setting), {})[seed] = metrics
    if labelled:
        show(labelled, METRICS if options.test else METRICS[:2])
    for run, reason in failures.items():
        print(f"error: {grid.label(run.setting)} {SEED}={run.seed}: {reason}", file=sys.stderr)
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


def execute(grid: Grid, place: Queue | Slurm) -> dict[Run, str]:
    """Execute the runs that have no results, and return the last error of each that fails."""
    try:
        if grid.missing():
            wait(place)  # for the runs of an earlier sweep
        if not (missing := grid.missing()):
            return {}
        tasks = place.submit(missing)
        wait(place)
    except KeyboardInterrupt:
        words = f"The runs go on. The same command waits for them; {place.STOP} ends them."
        print(f"\n{words}", file=sys.stderr)
        raise
    return {run: place.last_error(tasks[run]) for run in grid.missing()}


def wait(place: Queue | Slurm) -> None:
    """Wait until no run is left."""
    left = place.left()
    bar: tqdm[NoReturn]
    with tqdm(total=left, unit="run", disable=None, leave=False) as bar:
        while left:
            time.sleep(place.POLL_SECONDS)
            before, left = left, place.left()
            bar.update(before - left)


if __name__ == "__main__":
    with errors_as_lines():
        main()
