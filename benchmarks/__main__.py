"""Measure this project against others, and write tables and pictures.

The parts are whole jobs, their growth with rows and width, single steps, the parts of a step, and
accuracy over time. New measurements of a part replace its earlier ones, from the first on: a part
that was interrupted must run again. Tables and pictures are then made from all measurements.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks import document, jobs
from benchmarks.steps import runner as steps

RESULTS = Path("benchmarks/results.json")
TRIAL = Path("trial")
PACKAGES = ("numpy", "scikit-learn", "torch", "jax", "keras", "tensorflow")
PARTS = ("jobs", "rows", "widths", "steps", "profile", "accuracy")
TRIAL_ROWS = 4000
STEP_ROUNDS = 5


def main() -> None:
    arguments = parse_arguments()
    peers = sorted({"ours", *arguments.peer}, key=list(jobs.PEERS).index)
    folder = TRIAL if arguments.trial else Path()
    path = folder / RESULTS
    path.parent.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    results["machine"] = describe_machine()
    for part in arguments.part:
        for measured in measure(part, peers, arguments.rounds, arguments.trial):
            results[part] = measured
            path.write_text(json.dumps(results, indent=1) + "\n")
    document.write(results, folder)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--part", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--peer", nargs="+", choices=jobs.PEERS, default=list(jobs.PEERS))
    parser.add_argument(
        "--rounds",
        type=int,
        help=f"of every part, instead of its own; a job of over {jobs.LONG} s runs once",
    )
    parser.add_argument("--trial", action="store_true", help=f"with tiny sizes, into {TRIAL}/")
    return parser.parse_args()


def measure(
    part: str, peers: list[str], rounds: int | None, trial: bool
) -> Iterator[dict[str, Any]]:
    """Measure a part, show its progress, and yield all its measurements after each."""
    rows = TRIAL_ROWS if trial else None
    found: dict[str, Any] = {}
    if part == "profile":
        command = [sys.executable, "-m", "benchmarks.profile"]
        yield json.loads(subprocess.check_output(command, text=True))
    elif part == "steps":
        runs = steps.run_in_turn(peers, rounds or STEP_ROUNDS, rows)
        for workload, threads, timings in shown(part, runs):
            found.setdefault(workload, {})[threads] = timings
            yield found
    else:
        tasks = jobs.tasks(part)
        if trial:
            tasks = {key: jobs.smaller(task) for key, task in tasks.items()}
        for key, peer, run in shown(part, jobs.run_in_turn(tasks, peers, rounds, rows)):
            found.setdefault(key, {}).setdefault(peer, []).append(run)
            yield found


def shown(part: str, found: Iterator[tuple[str, str, Any]]) -> Iterator[tuple[str, str, Any]]:
    """Yield the measurements, and show the names of the last one."""
    progress = tqdm(found, desc=part, unit=" measured")
    for first, second, value in progress:
        progress.set_postfix_str(f"{first}, {second}")
        yield first, second, value


def describe_machine() -> dict[str, Any]:
    """Return the processor, the memory, and the versions of the packages."""
    lines = Path("/proc/cpuinfo").read_text().partition("\n\n")[0].splitlines()
    cpu = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    processor = platform.machine()
    if "model name" in cpu:
        processor = "{model name} (family {cpu family}, model {model})".format(**cpu)
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": processor,
        "processors": len(os.sched_getaffinity(0)),
        "memory": f"{size / 2**30:.0f} GiB",
        "kernels": steps.native_kernels(),
        "versions": {"Python": platform.python_version()} | {p: installed(p) for p in PACKAGES},
    }


def installed(package: str) -> str:
    """Return the version of a package, for TensorFlow that of its build for CPUs."""
    return version("tensorflow-cpu" if package == "tensorflow" else package)


if __name__ == "__main__":
    main()
