"""A job, from process start to saved weights, and the report of a peer's script on it."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

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

    def rates(self, steps_per_epoch: int) -> list[float]:
        """Return the learning rate of each step."""
        total = self.epochs * steps_per_epoch
        warmup = round(self.warmup * steps_per_epoch)
        schedule = Schedule(SHAPES[self.schedule], self.learning_rate, total, warmup)
        return [schedule.rate(step) for step in range(total)]


@dataclass
class Report:
    """Seconds since the process was started, and the scores of each epoch.

    Attributes
    ----------
    start : when the packages were imported and the arrays loaded
    compile : duration of compilation
    epochs : when each was scored, and the loss and accuracy on training and validation images
    end : when the weights were saved
    processor : processor time of all threads of the process until then
    memory : peak memory of the process until then, in bytes
    """

    _begin: float
    start: float = 0.0
    compile: float = 0.0
    epochs: list[dict[str, Any]] = field(default_factory=list)
    end: float = 0.0
    processor: float = 0.0
    memory: int = 0

    def started(self) -> None:
        """Record that training can begin."""
        self.start = self._seconds()

    def epoch(self, train: Score, validation: Score) -> None:
        """Record the loss and the accuracy on the training and on the validation images."""
        scores = {"train": train, "validation": validation}
        self.epochs.append(
            {"seconds": self._seconds(), **{k: [float(x) for x in v] for k, v in scores.items()}}
        )

    def saved(self) -> None:
        """Record that the weights are saved, and print the report as one line of JSON."""
        self.end, self.processor = self._seconds(), time.process_time()
        # not from getrusage, which counts the memory of the parent before exec, too
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        self.memory = 1024 * int(status.partition("VmHWM:")[2].split()[0])
        print(json.dumps({k: v for k, v in asdict(self).items() if k != "_begin"}))

    def _seconds(self) -> float:
        return time.monotonic() - self._begin


def read(arguments: list[str]) -> tuple[Job, Path, Report]:
    """Return the job, the file for the weights without its suffix, and a report.

    Parameters
    ----------
    arguments : the command line: the job as JSON, the file, and the clock at the start
    """
    text, weights, begin = arguments
    fields: dict[str, Any] = json.loads(text)
    return Job(**fields | {"data": Path(fields["data"])}), Path(weights), Report(float(begin))
