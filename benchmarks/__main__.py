"""Measure whole jobs of this project and of others, and write tables and a picture.

A job is all that a user waits for: start, load, train, score the training and the validation images
after each epoch, save the weights. Each runs in a process of its own, measured from outside. The
peers take turns, so that a disturbance of the machine affects them all.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

import numpy as np
import yaml
from psutil import virtual_memory

from benchmarks import page
from benchmarks.job import Job

PEERS = {
    "ours": "this project",
    "native": "this project, native kernels",
    "plain": "examples/plain.py",
    "sklearn": "scikit-learn",
    "pytorch": "PyTorch",
    "jax": "JAX",
}
PACKAGES = ("numpy", "scikit-learn", "torch", "jax")
LONG = 60  # seconds: a peer that needs more for a job does not repeat it
TRIAL_ROWS = 4000


@dataclass(frozen=True)
class Task:
    """A job with a title, on a multiple of MNIST's training images.

    Each peer runs it ``rounds`` times, or once if that takes more than ``LONG`` seconds.
    """

    title: str
    job: Job
    peers: tuple[str, ...] = tuple(PEERS)
    rounds: int = 1
    copies: int = 1


def recipe(name: str) -> Job:
    """Read a recipe."""
    path = Path("recipes", f"{name}.yaml")
    sections = yaml.safe_load(path.read_text(encoding="utf-8"))
    settings = sections["model"] | sections["train"]
    return Job(**{key: settings[key] for key in settings if key in asdict(Job())})


def wide(units: int) -> Job:
    """Return a job of one epoch for a wide network."""
    return Job((units, units // 2), (0.1, 0.1), batch_size=128, learning_rate=0.05, epochs=1)


DEFAULT = Job()
# scikit-learn has no learning rate that rises and falls, and examples/plain.py only SGD
JOBS = {
    "default": Task("the default, 35 epochs", DEFAULT, rounds=3),
    "fast": Task(
        "the recipe `fast`, 3 epochs",
        recipe("fast"),
        ("ours", "native", "pytorch", "jax"),
        rounds=3,
    ),
}
# examples/plain.py uses float64: thirty times MNIST would take 20 GB
ROWS = {
    copies: Task(
        f"{copies} × MNIST, 1 epoch",
        replace(DEFAULT, epochs=1),
        tuple(name for name in PEERS if copies < 30 or name != "plain"),
        copies=copies,
    )
    for copies in (1, 3, 10, 30)
}
WIDTHS = {
    units: Task(f"{units}-{units // 2}, 1 epoch", wide(units)) for units in (64, 256, 1024, 2048)
}
PARTS: dict[str, dict[Any, Task]] = {"jobs": JOBS, "rows": ROWS, "widths": WIDTHS}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--trial", action="store_true", help="with few rows, into trial/")
    trial = parser.parse_args().trial
    folder = Path("trial") if trial else Path()
    found: dict[str, Any] = {"machine": describe_machine()}
    with TemporaryDirectory() as temporary:
        for part, tasks in PARTS.items():
            found[part] = {
                key: {"title": task.title, "runs": run_in_turn(task, Path(temporary), trial)}
                for key, task in tasks.items()
            }
    page.write(found, folder)


def run_in_turn(task: Task, folder: Path, trial: bool) -> dict[str, list[dict[str, Any]]]:
    """Run a task with each of its peers, and return their measurements."""
    data = DEFAULT.data
    if task.copies > 1 or trial:
        data = folder / "data"
        write_copies(data, task.copies, TRIAL_ROWS if trial else None)
    job = replace(task.job, data=data, epochs=1 if trial else task.job.epochs)
    found: dict[str, list[dict[str, Any]]] = {PEERS[peer]: [] for peer in task.peers}
    for _ in range(task.rounds):
        for peer in task.peers:
            runs = found[PEERS[peer]]
            if not runs or runs[0]["wall"] <= LONG:
                runs.append(measure(peer, job, folder / "weights"))
                print(f"{task.title}: {PEERS[peer]}: {runs[-1]['wall']:.1f} s", flush=True)
    return found


def write_copies(folder: Path, copies: int, rows: int | None) -> None:
    """Write at most ``rows`` rows of each array, and repeat those of training ``copies`` times."""
    folder.mkdir(exist_ok=True)
    for source in DEFAULT.data.glob("*.npy"):
        array = np.load(source, mmap_mode="r")[:rows]
        times = copies if source.name.startswith("train") else 1
        shape = (times * len(array), *array.shape[1:])
        target = np.lib.format.open_memmap(folder / source.name, "w+", array.dtype, shape)
        for copy in range(times):
            target[copy * len(array) : (copy + 1) * len(array)] = array
        target.flush()


def measure(peer: str, job: Job, weights: Path) -> dict[str, Any]:
    """Run a job; return its wall time in seconds, and its own report."""
    with TemporaryFile("w+") as output:
        text = json.dumps(asdict(job), default=str)
        command = [sys.executable, "-m", f"benchmarks.peers.{peer}", text, str(weights)]
        begin = time.monotonic()
        done = subprocess.run(command, stdout=output, stderr=subprocess.DEVNULL, check=False)
        wall = time.monotonic() - begin
        if done.returncode:
            raise SystemExit(f"error: {PEERS[peer]}: ended with {done.returncode} on {job}")
        output.seek(0)
        report = json.loads(output.read().splitlines()[-1])
    return {"wall": wall, **report}


def describe_machine() -> str:
    """Return a sentence about the processor, the memory, and the versions of the packages."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0].splitlines()
    cpu = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    processor = cpu.get("model name", platform.machine())
    versions = [f"Python {platform.python_version()}", *(f"{p} {version(p)}" for p in PACKAGES)]
    return (
        f"{os.cpu_count()} × {processor}, {virtual_memory().total / 2**30:.0f} GiB of memory;"
        f" {', '.join(versions)}."
    )


if __name__ == "__main__":
    main()
