"""A job, from process start to saved weights, and the report of a peer's script on it."""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from network.limits import OptimizerName, ScheduleName
from network.schedule import SHAPES, Schedule

Score = tuple[Any, Any]  # loss and accuracy, as anything that becomes a float


@dataclass(frozen=True)
class Job:
    """A network and its training, with the settings of ``params.yaml`` by the same names.

    The training and the validation images are scored after each epoch. ``data`` is the folder of
    the arrays.
    """

    hidden: Sequence[int] = (64, 32)
    dropout: Sequence[float] = (0.1, 0.1)
    optimizer: OptimizerName = "sgd"
    learning_rate: float = 0.006
    batch_size: int = 16
    epochs: int = 35
    weight_decay: float = 0.001
    schedule: ScheduleName = "constant"
    warmup: float = 0.0
    data: Path = Path("data/processed")

    @property
    def strength(self) -> float:
        """Return λ of the L2 penalty λ/2 Σ W²."""
        return self.weight_decay / self.batch_size

    def load(self, split: str, mmap_mode: Literal["r"] | None = None) -> tuple[Any, Any]:
        """Return the images (n, 784) and the labels (n,) of ``train`` or ``validation``."""
        images = np.load(self.data / f"{split}_images.npy", mmap_mode)
        return images, np.load(self.data / f"{split}_labels.npy")

    def rates(self, steps_per_epoch: int) -> list[float]:
        """Return the learning rate of each step."""
        total = self.epochs * steps_per_epoch
        warmup = round(self.warmup * steps_per_epoch)
        schedule = Schedule(SHAPES[self.schedule], self.learning_rate, total, warmup)
        return [schedule.rate(step) for step in range(total)]


@dataclass
class Report:
    """Processor time and memory until the weights were saved, and the scores of the last epoch.

    Attributes
    ----------
    processor : seconds of all its threads
    memory : peak, in bytes
    scores : loss and accuracy on the training and on the validation images
    """

    processor: float = 0.0
    memory: int = 0
    scores: dict[str, list[float]] = field(default_factory=dict)

    def epoch(self, train: Score, validation: Score) -> None:
        """Record the scores of an epoch."""
        self.scores = {"train": [*map(float, train)], "validation": [*map(float, validation)]}

    def saved(self) -> None:
        """Record that the weights are saved, and print the report as one line of JSON."""
        self.processor = time.process_time()
        # not from getrusage, which counts the memory of the parent before exec, too
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        self.memory = 1024 * int(status.partition("VmHWM:")[2].split()[0])
        print(json.dumps(asdict(self)))


def read() -> tuple[Job, Path, Report]:
    """Return the job, the file for the weights, and a report."""
    text, weights = sys.argv[1:]
    fields: dict[str, Any] = json.loads(text)
    return Job(**fields | {"data": Path(fields["data"])}), Path(weights), Report()
