"""scikit-learn's MLPClassifier, which has no dropout and one learning rate."""

from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier

from benchmarks.job import read


def main() -> None:
    job, weights, report = read()
    data = [job.load("train"), job.load("validation")]
    classes = np.arange(10)
    model = MLPClassifier(
        job.hidden,
        solver=job.optimizer,
        alpha=job.weight_decay,  # divided by the batch size, as here
        batch_size=job.batch_size,
        learning_rate_init=job.learning_rate,
        momentum=0,
        random_state=0,
    )

    def score(images: NDArray[np.float32], labels: NDArray[np.uint8]) -> tuple[Any, Any]:
        p = model.predict_proba(images)
        return log_loss(labels, p, labels=classes), np.mean(p.argmax(axis=1) == labels)

    for _ in range(job.epochs):
        model.partial_fit(*data[0], classes=classes)
        report.epoch(*(score(*split) for split in data))
    joblib.dump(model, weights)
    report.saved()


if __name__ == "__main__":
    main()
