"""The bare matrix products of a step, with the kernels that the environment selects."""

import stages  # noqa: F401  # isort: skip  (chooses the kernels, before NumPy)
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.steps.worker import Data, serve
from benchmarks.steps.workloads import Workload


class Floor:
    """The matrix products of the forward and the backward pass alone."""

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        threadpool_limits(threads)
        sizes, rows = (784, *workload.hidden, 10), workload.batch_size
        random = np.random.default_rng(0)

        def some(*shape: int) -> NDArray[np.float32]:
            return random.random(shape, np.float32)

        self._layers = [
            (some(rows, a), some(a, b), some(rows, b), some(rows, b), some(a, b), some(rows, a))
            for a, b in pairwise(sizes)
        ]

    def train(self, steps: int) -> None:
        """Compute x W and xᵀ δ for each layer, and δ Wᵀ for each but the first."""
        for _ in range(steps):
            for number, (x, w, y, y_gradient, w_gradient, x_gradient) in enumerate(self._layers):
                np.dot(x, w, y)
                np.dot(x.T, y_gradient, w_gradient)
                if number:
                    np.dot(y_gradient, w.T, x_gradient)

    def predict(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Return no class, as nothing is trained."""
        return np.full(len(images), -1)


if __name__ == "__main__":
    serve(Floor)
