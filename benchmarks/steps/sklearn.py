"""scikit-learn's MLPClassifier, which has no dropout."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from benchmarks.steps.worker import Data, serve
from benchmarks.steps.workloads import Workload


class ScikitLearn:
    """An MLPClassifier, whose ``partial_fit`` shuffles its samples and passes over them once."""

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        threadpool_limits(threads)
        self._images, self._labels = np.array(data.train_images), data.train_labels
        self._batch_size, self._next = workload.batch_size, 0
        self._model = MLPClassifier(
            workload.hidden,
            solver=workload.optimizer,
            alpha=workload.weight_decay,  # divided by the batch size, as here
            batch_size=workload.batch_size,
            learning_rate_init=workload.learning_rate,
            momentum=0,
            random_state=0,
        )

    def train(self, steps: int) -> None:
        """Take the steps on the next rows of the training set, which are in random order."""
        rows = np.arange(self._next, self._next + steps * self._batch_size) % len(self._images)
        self._next = int(rows[-1]) + 1
        self._model.partial_fit(self._images[rows], self._labels[rows], classes=np.arange(10))

    def predict(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Return the most probable classes."""
        return np.asarray(self._model.predict(images))


if __name__ == "__main__":
    serve(ScikitLearn)
