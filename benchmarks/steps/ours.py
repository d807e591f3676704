"""This project's engine, with the kernels that the environment asks for."""

import stages  # noqa: F401  # isort: skip  (chooses the kernels, before NumPy)
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.worker import Data, serve
from benchmarks.workloads import Workload
from network.batches import ShuffledBatches
from network.layers import Dropout
from network.model import Network
from network.optimizer import OPTIMIZERS
from network.schedule import SHAPES, Schedule
from network.training import train_epoch


class Ours:
    """The network, and an endless run of steps."""

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
        self._steps = self._train(workload, data, np.random.default_rng(shuffle))

    def _train(
        self, workload: Workload, data: Data, generator: np.random.Generator
    ) -> Iterator[int]:
        batches = ShuffledBatches(
            data.train_images, data.train_labels, workload.batch_size, generator
        )
        optimizer = OPTIMIZERS[workload.optimizer](self._network, workload.strength)
        schedule = Schedule(SHAPES["constant"], workload.learning_rate, total=1, warmup=0)
        while True:
            yield from train_epoch(self._network, optimizer, batches, schedule, first_step=0)

    def train(self, steps: int) -> None:
        """Take the steps."""
        for _ in range(steps):
            next(self._steps)

    def predict(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Return the classes of the highest logits."""
        return np.asarray(self._network.logits(images).argmax(axis=1))


if __name__ == "__main__":
    serve(Ours)
