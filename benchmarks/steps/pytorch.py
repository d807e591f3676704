"""PyTorch on the CPU, eager or compiled."""

import os
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.steps.worker import Data, serve
from benchmarks.steps.workloads import Workload


class PyTorch:
    """A Sequential; the set is one tensor, and a batch an index into it."""

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        self._images = torch.from_numpy(np.array(data.train_images))
        self._labels = torch.from_numpy(data.train_labels.astype(np.int64))
        self._batch_size = workload.batch_size
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise([784, *workload.hidden, 10]):
            dense = nn.Linear(fan_in, fan_out)
            nn.init.kaiming_normal_(dense.weight, nonlinearity="relu")
            nn.init.zeros_(dense.bias)
            layers += [dense, nn.ReLU(), nn.Dropout(workload.dropout)]
        self._model = nn.Sequential(*layers[:-2])
        kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[workload.optimizer]
        named = list(self._model.named_parameters())
        self._optimizer = kind(
            [
                {
                    "params": [p for name, p in named if name.endswith("weight")],
                    "weight_decay": workload.strength,
                },
                {"params": [p for name, p in named if name.endswith("bias")], "weight_decay": 0.0},
            ],
            lr=workload.learning_rate,
        )

        def loss(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            return nn.functional.cross_entropy(self._model(images), labels)

        self._loss = torch.compile(loss) if os.environ.get("COMPILE") else loss
        self._batches: Iterator[torch.Tensor] = iter(())

    def train(self, steps: int) -> None:
        """Take the steps, in a fresh order each epoch."""
        self._model.train()
        for _ in range(steps):
            batch: torch.Tensor | None = next(self._batches, None)
            if batch is None or len(batch) < self._batch_size:
                order = torch.randperm(len(self._images))
                self._batches = iter(order.split(self._batch_size))
                batch = next(self._batches)
            loss = self._loss(self._images[batch], self._labels[batch])
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()

    def predict(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Return the classes of the highest logits."""
        self._model.eval()
        with torch.no_grad():
            return np.asarray(self._model(torch.from_numpy(images)).argmax(dim=1))


if __name__ == "__main__":
    serve(PyTorch)
