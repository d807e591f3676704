"""Evaluate the weights on the test set: metrics, predictions, confusion and reliability."""

import math

from stages.files import processed
from stages.files.npz import write_npz
from stages.files.paths import CONFUSION, PREDICTIONS, RELIABILITY, TEST_METRICS, WEIGHTS
from stages.files.weights import load_network
from stages.files.writing import rounded, write_json, write_table
from stages.running.errors import StageError
from stages.running.runner import run

import numpy as np

from network.loss import softmax
from network.metrics import Bin, Evaluation, calibration_error, reliability


def main() -> None:
    classes = processed.load_classes()
    images, labels = processed.load("test", len(classes))
    network = load_network()
    shape = images.shape[1], len(classes)
    if (network.sizes[0], network.sizes[-1]) != shape:
        raise StageError(f"{WEIGHTS}: must be for {shape[0]} pixels and {shape[1]} classes")
    if not len(labels):
        raise StageError(f"{processed.labels_path('test')}: holds no labels")

    test = Evaluation(len(classes))
    with np.errstate(over="ignore", invalid="ignore"):  # the loss is checked below
        logits = network.logits(images)
        test.add(logits, labels)
    if not math.isfinite(test.loss):
        raise StageError(f"{WEIGHTS}: the loss on the test set is {test.loss}; train again")
    probabilities = softmax(logits)
    bins = reliability(probabilities, labels)

    write_npz(PREDICTIONS, {"probabilities": probabilities, "labels": labels})
    pairs = zip(labels, logits.argmax(axis=1), strict=True)
    names = ((classes[label], classes[predicted]) for label, predicted in pairs)
    write_table(CONFUSION, ("actual", "predicted"), names)
    write_table(RELIABILITY, Bin._fields, (rounded(each._asdict()).values() for each in bins))
    scores = {
        "loss": test.loss,
        "accuracy": test.accuracy,
        "errors": test.errors,
        "calibration_error": calibration_error(bins),
    }
    scores_by_class = {
        name: rounded(score._asdict())
        for name, score in zip(classes, test.class_scores(), strict=True)
    }
    kind = "digits" if all(name.isdigit() for name in classes) else "classes"
    write_json(TEST_METRICS, {"test": {**rounded(scores), kind: scores_by_class}})
    print(f"test accuracy {test.accuracy:.2%}, {test.errors} errors, loss {test.loss:.4f}")


if __name__ == "__main__":
    run(main)
