"""Keras on its default backend, TensorFlow: ``fit`` with XLA, many steps in each call."""

import sys
import time
from typing import Any

import keras
import numpy as np
from keras import layers

from benchmarks.job import Report, read

STEPS_PER_CALL = 50


def main() -> None:
    job, weights, report = read(sys.argv[1:])
    keras.utils.set_random_seed(0)
    data = [
        (np.load(job.data / f"{split}_images.npy"), np.load(job.data / f"{split}_labels.npy"))
        for split in ("train", job.held_out)
    ]
    images, labels = data[0]
    model = keras.Sequential([layers.Input((images.shape[1],))])
    penalty = keras.regularizers.L2(job.strength / 2)
    for units, dropout in zip(job.hidden, job.dropout, strict=True):
        model.add(layers.Dense(units, "relu", True, "he_normal", kernel_regularizer=penalty))
        if dropout:
            model.add(layers.Dropout(dropout))
    model.add(layers.Dense(10, None, True, "he_normal", kernel_regularizer=penalty))
    kind = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam}[job.optimizer]
    model.compile(
        kind(Rates(job.rates(-(-len(labels) // job.batch_size)))),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[
            "accuracy",
            keras.metrics.SparseCategoricalCrossentropy("entropy", from_logits=True),
        ],
        jit_compile=True,
        steps_per_execution=STEPS_PER_CALL,
    )
    report.started()
    model.fit(
        images,
        labels,
        batch_size=job.batch_size,
        epochs=job.epochs,
        verbose=0,
        callbacks=[Scores(data, report)],
    )
    model.save_weights(f"{weights}.weights.h5")
    report.saved()


class Rates(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """The learning rate of each step, from a list."""

    def __init__(self, rates: list[float]) -> None:
        self._rates = keras.ops.convert_to_tensor(np.array(rates, np.float32))

    def __call__(self, step: Any) -> Any:
        """Return the rate of a step."""
        return keras.ops.take(self._rates, step)


class Scores(keras.callbacks.Callback):  # type: ignore[misc]
    """Record the scores after each epoch, and the time of the first call, which compiles."""

    def __init__(self, data: list[Any], report: Report) -> None:
        super().__init__()
        self._data, self._report = data, report

    def on_train_begin(self, logs: Any = None) -> None:
        """Record the time."""
        self._begin = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Record the duration of the first call."""
        if not self._report.compile:
            self._report.compile = time.monotonic() - self._begin

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Score the training and the held-out images."""
        scores = []
        for images, labels in self._data:
            found = self.model.evaluate(images, labels, 1000, verbose=0, return_dict=True)
            scores.append((found["entropy"], found["accuracy"]))
        self._report.epoch(*scores)


if __name__ == "__main__":
    main()
