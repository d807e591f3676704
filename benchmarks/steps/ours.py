"""This project, with the kernels that the environment selects."""

import stages  # noqa: F401  # isort: skip  (chooses the kernels, before NumPy)
from itertools import count, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.steps.worker import Data, serve
from benchmarks.steps.workloads import Workload
from network.batches import ShuffledBatches
from network.layers import Dropout
from network.model import Network
from network.optimizer import create_optimizer
from network.schedule import SHAPES, Schedule
from network.training import train_epoch


class Ours:
    """The network, and an endless sequence of batches."""

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        threadpool_limits(threads)
        weights, shuffle, *dropout = np.random.SeedSequence(0).spawn(2 + len(workload.hidden))
        self._network = Network(
            [784, *workload.hidden, 10],
            [
                Dropout(units, workload.dropout, np.random.default_rng(seed))
                for units, seed in zip(workload.hidden, dropout, strict=True)
            ],
        )
        self._network.initialize(np.random.default_rng(weights))
        batches = ShuffledBatches(
            data.train_images,
            data.train_labels,
            workload.batch_size,
            np.random.default_rng(shuffle),
        )
        self._batches = (batch for _ in count() for batch in batches)
        self._optimizer = create_optimizer(
            workload.optimizer, self._network, workload.strength, threads=threads
        )
        self._schedule = Schedule(SHAPES["constant"], workload.learning_rate, total=1, warmup=0)

    def train(self, steps: int) -> None:
        """Take the steps."""
        batches = islice(self._batches, steps)
        train_epoch(self._network, self._optimizer, batches, self._schedule)

    def predict(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Return the classes of the highest logits."""
        return np.asarray(self._network.logits(images).argmax(axis=1))


if __name__ == "__main__":
    serve(Ours)
