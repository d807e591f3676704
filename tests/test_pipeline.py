"""The real ``dvc repro`` on a small data set, and other commands of DVC on its results."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import CLASSES, PIPELINE, TEST_SIZE, TRAIN_SIZE, VALIDATION_SIZE, Clone

ALL = list(PIPELINE)
SIZES = {
    "train": TRAIN_SIZE - VALIDATION_SIZE,
    "validation": VALIDATION_SIZE,
    "test": TEST_SIZE,
}


def read_json(path: Path) -> Any:
    return json.loads(path.read_bytes())


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_stage_runs_once(shared: Path) -> None:
    assert (shared / "stages").read_text("utf-8").split() == ALL


def test_arrays_are_as_agreed(finished: Clone) -> None:
    for split, n in SIZES.items():
        images = np.load(finished.root / f"data/processed/{split}_images.npy", mmap_mode="r")
        assert (images.dtype, images.shape) == (np.float32, (n, 784))
        assert images.flags.c_contiguous
        assert (images.min(), images.max()) == (0, 1)
        labels = np.load(finished.root / f"data/processed/{split}_labels.npy")
        assert (labels.dtype, labels.shape) == (np.uint8, (n,))
    with np.load(finished.root / "data/predictions.npz") as predictions:
        probabilities, labels = predictions["probabilities"], predictions["labels"]
    assert (probabilities.dtype, probabilities.shape) == (np.float32, (TEST_SIZE, 10))
    assert (labels.dtype, labels.shape) == (np.uint8, (TEST_SIZE,))


def test_pixels_come_from_the_raw_files(finished: Clone) -> None:
    raw = (finished.root / "data/raw/t10k-images-idx3-ubyte").read_bytes()[16:]
    pixels = np.frombuffer(raw, np.uint8).reshape(TEST_SIZE, 784)
    images = np.load(finished.root / "data/processed/test_images.npy")
    np.testing.assert_array_equal(np.rint(images * 255), pixels)
    np.testing.assert_allclose(images, pixels / 255, rtol=1e-7)


@pytest.mark.parametrize("split", SIZES)
def test_metrics_are_those_of_an_independent_computation(finished: Clone, split: str) -> None:
    x = np.load(finished.root / f"data/processed/{split}_images.npy").astype(np.float64)
    y = np.load(finished.root / f"data/processed/{split}_labels.npy")
    w = np.load(finished.root / "data/weights.npz", allow_pickle=False)
    h1 = np.maximum(x @ w["W1"] + w["b1"], 0)
    h2 = np.maximum(h1 @ w["W2"] + w["b2"], 0)
    p = np.exp(h2 @ w["W3"] + w["b3"])
    p /= p.sum(axis=1, keepdims=True)
    loss, accuracy = -np.log(p[np.arange(len(y)), y]).mean(), (p.argmax(axis=1) == y).mean()

    assert all(array.dtype == np.float32 for array in w.values())
    file = "test" if split == "test" else "train"
    metrics = read_json(finished.root / f"metrics/{file}.json")[split]
    assert metrics["loss"] == pytest.approx(loss, abs=2e-6)
    assert metrics["accuracy"] == pytest.approx(accuracy, abs=1e-6)
    assert accuracy > 0.3  # three times chance: it has learned
    if split == "test":
        assert metrics["errors"] == round((1 - accuracy) * len(y))
        bins = np.minimum(p.max(axis=1) * 15, 14).astype(int)
        gaps = np.bincount(bins, (p.argmax(axis=1) == y) - p.max(axis=1))
        assert metrics["calibration_error"] == pytest.approx(abs(gaps).sum() / len(y), abs=2e-6)


def test_tables_are_as_agreed(finished: Clone) -> None:
    history = read_table(finished.root / "plots/history.csv")
    assert list(history[0]) == [
        "epoch",
        "train_loss",
        "validation_loss",
        "train_accuracy",
        "validation_accuracy",
    ]
    assert [epoch["epoch"] for epoch in history] == ["1", "2", "3"]
    last = read_json(finished.root / "metrics/train.json")
    assert {name: float(score) for name, score in history[-1].items() if name != "epoch"} == {
        f"{split}_{name}": score for split in last for name, score in last[split].items()
    }
    with np.load(finished.root / "data/predictions.npz") as predictions:
        labels, predicted = predictions["labels"], predictions["probabilities"].argmax(axis=1)
    assert read_table(finished.root / "plots/confusion.csv") == [
        {"actual": CLASSES[a], "predicted": CLASSES[p]}
        for a, p in zip(labels, predicted, strict=True)
    ]
    by_class = read_table(finished.root / "plots/classes.csv")
    assert [row["class"] for row in by_class] == list(CLASSES)
    for label, row in enumerate(by_class):
        right = ((predicted == label) & (labels == label)).sum()
        precision = right / max((predicted == label).sum(), 1)
        assert float(row["precision"]) == pytest.approx(precision, abs=1e-6)
        assert float(row["recall"]) == pytest.approx(right / (labels == label).sum(), abs=1e-6)


def test_an_earlier_setting_is_restored_without_training(clone: Clone) -> None:
    before = clone.outputs()
    clone.set(**{"train.learning_rate": 0.05})
    assert clone.repro("evaluate") == ["train", "evaluate"]
    assert clone.outputs()["data/weights.npz"] != before["data/weights.npz"]
    diff = clone.dvc("metrics", "diff").splitlines()[1:]
    assert len(diff) <= 10
    names = {line.split()[1] for line in diff}
    assert {"train.accuracy", "validation.loss", "validation.accuracy", "test.accuracy"} <= names
    assert "train.learning_rate" in clone.dvc("params", "diff")

    clone.set(**{"train.learning_rate": 0.02})
    assert clone.repro() == []
    assert clone.outputs() == before


def test_the_pipeline_runs_without_validation_images(clone: Clone) -> None:
    clone.set(**{"preprocess.validation_size": 0})
    assert clone.repro() == ALL[ALL.index("preprocess") :]
    assert list(read_json(clone.root / "metrics/train.json")) == ["train"]
    assert len(np.load(clone.root / "data/processed/validation_labels.npy")) == 0
    assert all(
        epoch["validation_loss"] == epoch["validation_accuracy"] == "" and epoch["train_loss"]
        for epoch in read_table(clone.root / "plots/history.csv")
    )
    clone.dvc("plots", "show")


def test_plots_page_has_every_picture(clone: Clone) -> None:
    clone.dvc("plots", "show", "--out", "page")
    page = (clone.root / "page/index.html").read_text("utf-8")
    for picture in ("loss.png", "predictions.png", "mistakes.png"):
        assert page.count(f"plots_{picture}") == 1
    assert "validation_loss" in page
    for title in ("Loss", "Accuracy", "Confusion"):
        assert f'"{title}"' in page
