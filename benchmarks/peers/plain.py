"""The example ``examples/plain.py``, with the settings of the job."""

import numpy as np

from benchmarks.job import read
from examples import plain


def main() -> None:
    job, weights, report = read()
    plain.SIZES, plain.DROPOUT = [784, *job.hidden, 10], job.dropout[0]
    plain.LEARNING_RATE, plain.BATCH_SIZE = job.learning_rate, job.batch_size
    plain.WEIGHT_DECAY, plain.DATA = job.weight_decay, job.data
    train, validation = plain.load("train"), plain.load("validation")
    layers = plain.initialize(plain.SIZES)
    for _ in range(job.epochs):
        plain.train_epoch(layers, *train)
        report.epoch(*(plain.score(layers, *split) for split in (train, validation)))
    np.savez(weights, *(array for layer in layers for array in layer))
    report.saved()


if __name__ == "__main__":
    main()
