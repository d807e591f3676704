"""Evaluate the weights on the test set: metrics, every prediction, confusion and reliability."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from network.loss import softmax
from network.metrics import Bin, assess, calibration_error, reliability
from network.model import Network
from stages.common import npz, processed
from stages.common.errors import StageError, run
from stages.common.files import replacing, rounded, write_json
from stages.common.parameters import SectionPart, load
from stages.common.paths import CONFUSION, PREDICTIONS, RELIABILITY, TEST_METRICS, WEIGHTS


class Model(SectionPart):
    hidden: list[int]


class Parameters(BaseModel):
    model: Model


def main() -> None:
    images, labels = processed.load("test")
    classes = processed.load_classes()
    network = load_network(images.shape[1], len(classes))

    logits = network.logits(images)
    probabilities = softmax(logits)
    predicted = probabilities.argmax(axis=1)
    test = assess(logits, predicted, labels)
    bins = reliability(probabilities, labels)

    with replacing(PREDICTIONS) as file:
        np.savez(file, probabilities=probabilities, labels=labels)
    names = ((classes[a], classes[p]) for a, p in zip(labels, predicted, strict=True))
    write_csv(CONFUSION, ("actual", "predicted"), names)
    write_csv(RELIABILITY, Bin._fields, (rounded(each._asdict()).values() for each in bins))
    digits = {
        name: rounded(score._asdict()) for name, score in zip(classes, test.classes, strict=True)
    }
    scores = {
        "loss": test.loss,
        "accuracy": test.accuracy,
        "errors": test.errors,
        "calibration_error": calibration_error(bins),
    }
    write_json(TEST_METRICS, {"test": {**rounded(scores), "digits": digits}})
    print(f"test accuracy {test.accuracy:.2%}, {test.errors} errors, loss {test.loss:.4f}")


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a table under its header."""
    with replacing(path) as file, io.TextIOWrapper(file, newline="") as text:
        table = csv.writer(text, lineterminator="\n")
        table.writerow(columns)
        table.writerows(rows)


def load_network(inputs: int, classes: int) -> Network:
    """Build the network that the parameters describe, with the weights that were trained."""
    network = Network([inputs, *load(Parameters).model.hidden, classes])
    try:
        network.assign(npz.read(WEIGHTS))
    except ValueError as error:
        raise StageError(f"{WEIGHTS}: does not fit model.hidden: {error}") from None
    return network


if __name__ == "__main__":
    run(main)
