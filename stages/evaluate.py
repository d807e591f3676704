"""Evaluate the weights on the test set: metrics, predictions, confusion, scores of each class."""

from stages.shared.files import (
    load_dataset,
    load_network,
    load_split,
    rounded,
    write_json,
    write_npz,
    write_table,
)
from stages.shared.paths import CLASSES, CONFUSION, PREDICTIONS, TEST_METRICS
from stages.shared.running import run

from network.loss import softmax
from network.metrics import (
    ClassScore,
    calibration_error,
    class_scores,
    confusion_matrix,
    reliability,
    score_logits,
)


def main() -> None:
    images, labels = load_split("test")
    classes = load_dataset().classes
    network = load_network()

    logits = network.logits(images)
    test = score_logits(logits, labels)
    probabilities = softmax(logits)

    write_npz(PREDICTIONS, {"probabilities": probabilities, "labels": labels})
    predicted = logits.argmax(axis=1)
    pairs = zip(labels, predicted, strict=True)
    names = ((classes[label], classes[answer]) for label, answer in pairs)
    write_table(CONFUSION, ("actual", "predicted"), names)
    confusion = confusion_matrix(labels, predicted, len(classes))
    by_class = zip(classes, class_scores(confusion), strict=True)
    rows = ((name, *rounded(score._asdict()).values()) for name, score in by_class)
    write_table(CLASSES, ("class", *ClassScore._fields), rows)
    errors = int((predicted != labels).sum())
    scores = {
        **test._asdict(),
        "errors": errors,
        "calibration_error": calibration_error(reliability(probabilities, labels)),
    }
    write_json(TEST_METRICS, {"test": rounded(scores)})
    print(f"test accuracy {test.accuracy:.2%}, {errors} errors, loss {test.loss:.4f}")


if __name__ == "__main__":
    run(main)
