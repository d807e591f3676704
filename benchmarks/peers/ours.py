"""This project."""

import stages  # noqa: F401  # isort: skip  (chooses the kernels, before NumPy)
import os
import sys
from itertools import pairwise

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.job import Job, read
from network.trainer import Trainer
from network.training import Samples

WIDE = 10**6  # weights, above which several threads are faster


def main() -> None:
    job, weights, report = read(sys.argv[1:])
    train, held_out = load(job, "train"), load(job, job.held_out)
    sizes = [train.images.shape[1], *job.hidden, 10]
    wide = sum(a * b for a, b in pairwise(sizes)) > WIDE
    # several members are trained in a thread each
    alone = job.others.get("members", 1) == 1
    threads = len(os.sched_getaffinity(0)) if wide and alone else 1
    trainer = Trainer(
        train,
        held_out,
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
        threads=threads,
        **job.others,
    )
    report.started()
    with threadpool_limits(threads):
        for epoch in trainer.run():
            report.epoch(epoch.scores["train"], epoch.scores["validation"])
    np.savez(weights, **trainer.network.state_dict())  # type: ignore[arg-type]
    report.saved()


def load(job: Job, split: str) -> Samples:
    images = np.load(job.data / f"{split}_images.npy", mmap_mode="r")
    return Samples(images, np.load(job.data / f"{split}_labels.npy"))


if __name__ == "__main__":
    main()
