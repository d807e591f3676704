"""Compare settings over several seeds, and distinguish differences from the noise of the seed.

Several values of ``-S``, as in ``dvc exp run --set-param``, make a grid; without it, params.yaml is
run unchanged. Every run is an experiment of DVC, named by its setting and seed. Runs that have
results are not repeated.
"""

import argparse
import os
import signal
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, chdir, nullcontext
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from stages.shared.paths import PARAMETERS
from stages.shared.running import run
from stages.shared.settings import Section, load

from dvc.exceptions import DvcException, InvalidArgumentError
from dvc.utils.cli_parse import to_path_overrides
from dvc.utils.hydra import apply_overrides, get_hydra_sweeps
from hydra.errors import HydraException
from tqdm import tqdm

from tools.schema import Parameters
from tools.sweeping import tables
from tools.sweeping.cluster import Cluster
from tools.sweeping.comparison import compare
from tools.sweeping.execution import FIGURE, Execution, Queue
from tools.sweeping.local import open_queue
from tools.sweeping.runs import (
    SEED,
    Run,
    Setting,
    Workspace,
    fetch,
    find,
    is_bounds,
    plan,
    read_figures,
    remove,
)

SEARCH_SEED = 1000  # the first of a search, so that a later sweep uses other seeds
SEARCH_LOCK = "requirements/sweep.txt"
SHOWN = ("validation.loss",)
SHOWN_ON_REQUEST = ("test.accuracy", "test.loss")


def main() -> None:
    """Execute the runs that have no results, and compare all."""
    options = parse_options()
    # the `dvc` and `python` that DVC starts are this environment's
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    workspace = Workspace.read()
    if options.on == "slurm":
        fetch(workspace, options.remote)
    try:
        runs, failures = sweep(options, workspace)
    except DvcException as error:
        sys.exit(f"error: {error}")
    if options.clean:
        names = {planned.name for planned in runs} & find(workspace).keys()
        if options.on == "slurm":
            remove(workspace, names, options.remote)
        remove(workspace, names)
        print(f"{len(names)} experiments removed")
    elif figures := read_figures(workspace, runs):
        show(figures, options)
    for name, failure in failures.items():
        print(f"error: {name}: {failure}", file=sys.stderr)
    sys.exit(1 if failures else 0)


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.sweep", description=__doc__)
    add = parser.add_argument
    add("-S", "--set-param", action="append", default=[], metavar="KEY=VALUE[,VALUE...]")
    add("--seeds", type=int, metavar="N", help="of each setting (default 5, in a search 1)")
    add("--baseline", action="store_true", help="run the unchanged params.yaml, too")
    add("--jobs", type=int, metavar="N", help="runs at a time (default: all processors)")
    add("--on", choices=("queue", "slurm"), default="queue", help="DVC's queue, or a cluster")
    add("--remote", default="origin", help="the Git remote between here and a cluster")
    add("--sampler", choices=("grid", "tpe"), default="grid", help="tpe searches LOW..HIGH")
    add("--runs", type=int, default=50, metavar="N", help="of a search (default 50)")
    add("--test", action="store_true", help="show the figures of the test set, too")
    add("--markdown", action="store_true", help="print the table in Markdown")
    add("--csv", action="store_true", help="print the table as CSV")
    add("--clean", action="store_true", help="remove the experiments of this sweep")
    options = parser.parse_args()
    options.spaces = read_spaces(options.set_param)
    searching = options.sampler == "tpe"
    if options.seeds is None:
        options.seeds = 1 if searching else 5
    for name in ("seeds", "jobs", "runs"):
        if getattr(options, name) is not None and getattr(options, name) < 1:
            parser.error(f"--{name}: must be at least 1")
    bounds = [key for key, values in options.spaces.items() if any(map(is_bounds, values))]
    if bounds and not searching:
        parser.error(f"--set-param {bounds[0]}: bounds are for --sampler tpe")
    if searching and not bounds:
        parser.error("--sampler tpe: give bounds, such as -S train.learning_rate=0.001..0.1")
    if searching and (options.on == "slurm" or options.baseline):
        parser.error("--sampler tpe: goes neither with --on slurm nor with --baseline")
    if searching and options.runs < options.seeds:
        parser.error("--runs: must be at least --seeds")
    if searching and not find_spec("optuna"):
        parser.error(f"--sampler tpe: pip install --require-hashes --requirement {SEARCH_LOCK}")
    return options


def read_spaces(settings: list[str]) -> dict[str, list[str]]:
    """Return the values of each key, as DVC reads them; the last option of a key counts."""
    spaces: dict[str, list[str]] = {}
    for setting in settings:
        try:
            sweeps = get_hydra_sweeps(to_path_overrides([setting]))
        except (DvcException, HydraException) as error:
            sys.exit(f"error: --set-param {setting}: {str(error).splitlines()[0]}")
        if {path for sweep in sweeps for path in sweep} != {str(PARAMETERS)}:
            sys.exit(f"error: --set-param {setting}: must be of {PARAMETERS}")
        pairs = [sweep[str(PARAMETERS)][0].partition("=") for sweep in sweeps]
        spaces[pairs[0][0]] = [*dict.fromkeys(value for _, _, value in pairs)]
    if SEED in spaces:
        sys.exit(f"error: --set-param {SEED}: --seeds sets it")
    return spaces


def check(settings: Iterable[Setting]) -> None:
    """Exit if DVC or a stage would refuse a setting."""
    parameters = PARAMETERS.read_bytes()
    with TemporaryDirectory() as folder, chdir(folder):
        for setting in settings:
            PARAMETERS.write_bytes(parameters)
            try:
                apply_overrides(PARAMETERS, [*setting])
            except InvalidArgumentError as error:
                reason = " ".join(str(error.__cause__ or error).splitlines()[:2])
                sys.exit(f"error: --set-param {' '.join(setting)}: {reason}")
            for name, field in Parameters.model_fields.items():
                load(name, cast(type[Section], field.annotation))


def sweep(options: argparse.Namespace, workspace: Workspace) -> tuple[list[Run], dict[str, str]]:
    """Run a grid, or search; return the runs, and the last line of each that has failed."""
    spaces: dict[str, list[str]] = options.spaces
    searching = options.sampler == "tpe"
    varied = {
        key: values for key, values in spaces.items() if len(values) > 1 or is_bounds(values[0])
    }
    if options.baseline or not varied:
        varied = spaces
    common = tuple(f"{key}={spaces[key][0]}" for key in spaces if key not in varied)
    settings: list[Setting] = [()] if options.baseline else []
    if not searching:
        settings += [
            tuple(f"{key}={value}" for key, value in zip(varied, values, strict=True))
            for values in product(*varied.values())
        ]
    settings = [*dict.fromkeys(settings)]
    check([(*common, *setting) for setting in settings or [()]])

    jobs = options.jobs or os.cpu_count() or 1
    total = options.runs if searching else len(settings) * options.seeds
    opened: AbstractContextManager[Queue | None]
    if options.clean:
        opened = nullcontext()
    elif options.on == "slurm":
        opened = nullcontext(Cluster(workspace, options.remote, options.jobs))
    else:
        opened = open_queue(workspace, jobs)
    with opened as queue, tqdm(total=total, unit="run", disable=options.clean) as bar:
        execution = Execution(workspace, queue, bar)
        if searching:
            from tools.sweeping.search import search  # noqa: PLC0415 - needs Optuna

            seeds = range(SEARCH_SEED, SEARCH_SEED + options.seeds)
            runs = search(
                varied,
                lambda setting: plan([setting], common, seeds, workspace),
                execution,
                proposals=options.runs // options.seeds,
                lag=max(1, jobs // options.seeds),
            )
        else:
            runs = plan(settings, common, range(options.seeds), workspace)
            execution.begin(runs)
            execution.finish(runs)
    return runs, execution.failures


def show(figures: dict[Run, dict[str, float]], options: argparse.Namespace) -> None:
    """Print the table, and draw it."""
    results: dict[str, dict[int, dict[str, float]]] = {}
    for (setting, _, seed, name), values in figures.items():
        if FIGURE not in values:
            sys.exit(f"error: {name}: no {FIGURE}: preprocess.validation_size must be above 0")
        results.setdefault(" ".join(setting) or str(PARAMETERS), {})[seed] = values
    rows = compare(
        {
            setting: {seed: values[FIGURE] for seed, values in of_seeds.items()}
            for setting, of_seeds in results.items()
        }
    )
    names = (*SHOWN, *SHOWN_ON_REQUEST) if options.test else SHOWN
    others = [
        {name: [values[name] for values in results[row.setting].values()] for name in names}
        for row in rows
    ]
    if options.csv:
        tables.write_csv(FIGURE, rows, others)
    else:
        tables.write_table(FIGURE, rows, others, options.markdown)
    tables.draw(FIGURE, rows)


if __name__ == "__main__":
    for number in (signal.SIGHUP, signal.SIGTERM):  # these end the queue, too
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    run(main)
