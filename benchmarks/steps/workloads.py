"""The training steps that are timed."""

from dataclasses import dataclass

from network.optimizer import OptimizerName


@dataclass(frozen=True)
class Workload:
    """A network and its training.

    ``steps`` is the number of steps per timed round; the training images are repeated ``copies``
    times.
    """

    title: str
    hidden: tuple[int, ...]
    batch_size: int
    optimizer: OptimizerName
    learning_rate: float
    steps: int
    copies: int = 1
    dropout: float = 0.1
    weight_decay: float = 0.001

    @property
    def strength(self) -> float:
        """Return λ of the L2 penalty λ/2 Σ W²."""
        return self.weight_decay / self.batch_size


WORKLOADS = {
    "default": Workload("the default", (64, 32), 16, "sgd", 0.006, steps=3400),
    "adam": Workload("batches of 128, Adam", (64, 32), 128, "adam", 0.001, steps=420),
    "wide": Workload(
        "2500-2000-1500-1000-500, batches of 128",
        (2500, 2000, 1500, 1000, 500),
        128,
        "sgd",
        0.05,
        steps=15,
    ),
    "rows": Workload(
        "the default, ten times the rows", (64, 32), 16, "sgd", 0.006, 3400, copies=10
    ),
}
