"""Run whole jobs, each in a separate process, and measure them from outside.

A job is all that a user waits for: start, load, train, score the training and the held-out images
after each epoch, save the weights. The peers take turns, so that a disturbance of the machine
affects them all.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

import yaml

from benchmarks.arrays import PROCESSED, write_copies
from benchmarks.job import Job

RECIPES = Path("recipes")
LONG = 100  # seconds: a peer that needs more for a job does not repeat it

PEERS = {
    "ours": "this project",
    "plain": "plain NumPy script",
    "sklearn": "scikit-learn",
    "pytorch": "PyTorch",
    "jax": "JAX",
    "keras": "Keras on TensorFlow",
}


@dataclass(frozen=True)
class Task:
    """A job with a title, on a multiple of MNIST's training images.

    Each peer runs it ``rounds`` times, or once if that takes more than ``LONG`` seconds.
    """

    title: str
    job: Job
    copies: int = 1
    peers: tuple[str, ...] = tuple(PEERS)
    rounds: int = 1


def recipe(name: str) -> Job:
    """Read a recipe, with the settings that only this project has under ``others``."""
    sections = yaml.safe_load((RECIPES / f"{name}.yaml").read_text())
    settings = {key: value for section in sections.values() for key, value in section.items()}
    known = asdict(Job())
    fields = {key: settings.pop(key) for key in list(settings) if key in known}
    return Job(**fields, others=settings)


def wide(*hidden: int) -> Job:
    """Return a job of one epoch for a wide network."""
    dropout = (0.1,) * len(hidden)
    return Job(hidden, dropout, batch_size=128, learning_rate=0.05, epochs=1)


DEFAULT = Job()
# scikit-learn has no learning rate that rises and falls
SCHEDULED = tuple(name for name in PEERS if name != "sklearn")
JOBS = {
    "default": Task("the default, 35 epochs", DEFAULT, rounds=3),
    "fast": Task("the recipe `fast`, 3 epochs", recipe("fast"), peers=SCHEDULED, rounds=3),
    "adam": Task(
        "batches of 128, Adam, 20 epochs",
        replace(DEFAULT, batch_size=128, optimizer="adam", learning_rate=0.001, epochs=20),
        rounds=3,
    ),
    "wide": Task("2500-2000-1500-1000-500, 1 epoch", wide(2500, 2000, 1500, 1000, 500)),
    "rows": Task("ten times the rows, 2 epochs", replace(DEFAULT, epochs=2), copies=10),
}
# plain uses float64 and a shuffled copy: thirty times MNIST would need 21 GB. Keras takes minutes
# for each of the largest jobs.
ROWS = {
    str(copies): Task(
        f"{copies} × MNIST",
        replace(DEFAULT, epochs=1),
        copies,
        tuple(name for name in PEERS if copies < 30 or name not in ("plain", "keras")),
    )
    for copies in (1, 3, 10, 30)
}
WIDTHS = {
    str(units): Task(
        f"{units}-{units // 2}",
        wide(units, units // 2),
        peers=tuple(name for name in PEERS if units <= 1024 or name != "keras"),
    )
    for units in (64, 128, 256, 512, 1024, 2048, 4096)
}


def accuracy_tasks() -> dict[str, Task]:
    """Return a task for each recipe, scored on the test images, with the peers that support it."""
    shared = {"reference": tuple(PEERS), "fast": SCHEDULED}
    return {
        path.stem: Task(
            path.stem,
            replace(recipe(path.stem), held_out="test"),
            peers=shared.get(path.stem, ("ours",)),
        )
        for path in sorted(RECIPES.glob("*.yaml"))
    }


def tasks(part: str) -> dict[str, Task]:
    """Return the tasks of a part."""
    known = {"jobs": JOBS, "rows": ROWS, "widths": WIDTHS}
    return known[part] if part in known else accuracy_tasks()


def smaller(task: Task) -> Task:
    """Return a small version of a task, which takes seconds, for a trial."""
    hidden = tuple(min(units, 64) for units in task.job.hidden)
    job = replace(task.job, hidden=hidden, epochs=min(task.job.epochs, 2))
    return replace(task, job=job, copies=min(task.copies, 2))


def run_in_turn(
    tasks: dict[str, Task], peers: list[str], rounds: int | None, rows: int | None
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Run each task with each of the peers, and yield task, peer and measurement.

    ``rounds`` replaces the tasks' own numbers. ``rows`` shortens each split, for a trial.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        for key, task in tasks.items():
            data = PROCESSED
            if task.copies > 1 or rows:
                data = folder / "data"
                write_copies(data, task.copies, rows)
            job = replace(task.job, data=data)
            remaining = [peer for peer in peers if peer in task.peers]
            for _ in range(rounds or task.rounds):
                for peer in list(remaining):
                    run = measure(peer, job, folder / "weights")
                    if run["wall"] > LONG:
                        remaining.remove(peer)
                    yield key, peer, run


def measure(peer: str, job: Job, weights: Path) -> dict[str, Any]:
    """Run a job; return its wall and processor time in seconds, and its own report."""
    with TemporaryFile("w+") as output:
        begin = time.monotonic()
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                f"benchmarks.peers.{peer}",
                json.dumps(asdict(job), default=str),
                str(weights),
                str(begin),
            ],
            stdout=output,
            stderr=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"error: {PEERS[peer]}: ended with {process.returncode} on {job}")
        output.seek(0)
        report = json.loads(output.read().splitlines()[-1])
    return {
        "wall": wall,
        "processor": usage.ru_utime + usage.ru_stime,
        **report,
    }
