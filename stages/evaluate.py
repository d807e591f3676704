"""Evaluate the weights on the test set: metrics, predictions, confusion, scores of each class."""

import math

from stages.shared.errors import StageError
from stages.shared.files import (
    load_dataset,
    load_network,
    load_split,
    rounded,
    write_json,
    write_npz,
    write_table,
)
from stages.shared.paths import CLASSES, CONFUSION, PREDICTIONS, TEST_METRICS, WEIGHTS
from stages.shared.running import run

import numpy as np

from network.loss import softmax
from network.metrics import ClassScore, Evaluation, calibration_error, reliability


def main() -> None:
    images, labels = load_split("test")
    classes = load_dataset().classes
    network = load_network()

    test = Evaluation(len(classes))
    with np.errstate(over="ignore", invalid="ignore"):  # the loss is checked below
        logits = network.logits(images)
        test.add(logits, labels)
    if not math.isfinite(test.loss):
        raise StageError(f"{WEIGHTS}: the loss on the test set is {test.loss}; train again")
    probabilities = softmax(logits)

    write_npz(PREDICTIONS, {"probabilities": probabilities, "labels": labels})
    pairs = zip(labels, logits.argmax(axis=1), strict=True)
    names = ((classes[label], classes[predicted]) for label, predicted in pairs)
    write_table(CONFUSION, ("actual", "predicted"), names)
    by_class = zip(classes, test.class_scores(), strict=True)
    rows = ((name, *rounded(score._asdict()).values()) for name, score in by_class)
    write_table(CLASSES, ("class", *ClassScore._fields), rows)
    scores = {
        "loss": test.loss,
        "accuracy": test.accuracy,
        "errors": test.errors,
        "calibration_error": calibration_error(reliability(probabilities, labels)),
    }
    write_json(TEST_METRICS, {"test": rounded(scores)})
    print(f"test accuracy {test.accuracy:.2%}, {test.errors} errors, loss {test.loss:.4f}")


if __name__ == "__main__":
    run(main)
