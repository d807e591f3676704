"""This project."""

import stages  # noqa: F401  # isort: skip  (chooses the kernels, before NumPy)
import os
from itertools import pairwise

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.job import read
from network.trainer import Trainer

WIDE = 10**6  # weights, above which several threads are faster


def main() -> None:
    job, weights, report = read()
    train, validation = job.load("train", "r"), job.load("validation", "r")
    sizes = [train[0].shape[1], *job.hidden, 10]
    wide = sum(a * b for a, b in pairwise(sizes)) > WIDE
    trainer = Trainer(
        train,
        validation,
        classes=10,
        hidden=job.hidden,
        dropout=job.dropout,
        optimizer=job.optimizer,
        learning_rate=job.learning_rate,
        batch_size=job.batch_size,
        epochs=job.epochs,
        weight_decay=job.weight_decay,
        schedule=job.schedule,
        warmup=job.warmup,
    )
    with threadpool_limits((os.cpu_count() or 1) if wide else 1):
        for epoch in trainer.run():
            report.epoch(epoch.scores["train"], epoch.scores["validation"])
    np.savez(weights, **trainer.network.state_dict())  # type: ignore[arg-type]
    report.saved()


if __name__ == "__main__":
    main()
