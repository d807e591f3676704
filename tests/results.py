"""What must hold of the real results, and so runs after the pipeline: ``make check``.

The figures are those of the weights, and pictures are told that are not as MNIST's are.
"""

import io
import json
from pathlib import Path

from stages.files.weights import load_network

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.support import ROOT
from tools.pictures import center
from tools.predict import brightness

SAMPLE = 2000


@pytest.fixture(autouse=True)
def _project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def load(split: str) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    folder = Path("data/processed")
    return np.load(folder / f"{split}_images.npy"), np.load(folder / f"{split}_labels.npy")


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_weights_give_the_metrics_that_are_claimed(split: str) -> None:
    x, y = load(split)
    w = np.load("data/weights.npz", allow_pickle=False)
    h1 = np.maximum(x.astype(np.float64) @ w["W1"] + w["b1"], 0)
    h2 = np.maximum(h1 @ w["W2"] + w["b2"], 0)
    z = h2 @ w["W3"] + w["b3"]
    loss = (np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(y)), y]).mean()
    accuracy = (z.argmax(axis=1) == y).mean()
    file = Path("metrics", "test.json" if split == "test" else "train.json")
    claimed = json.loads(file.read_bytes())[split]
    assert claimed["loss"] == pytest.approx(loss, abs=2e-6)
    assert claimed["accuracy"] == pytest.approx(accuracy, abs=1e-6)
    assert accuracy >= 0.965


@pytest.mark.parametrize(
    ("size", "dark", "form"),
    [(28, False, "PNG"), (64, True, "PNG"), (200, True, "JPEG"), (500, False, "JPEG")],
)
def test_other_sizes_and_polarities_are_told_as_well(size: int, dark: bool, form: str) -> None:
    x, y = load("test")
    x, y = x[:SAMPLE], y[:SAMPLE]
    network = load_network()
    original = (network.logits(x).argmax(axis=1) == y).mean()

    def draw(image: NDArray[np.float32]) -> Image.Image:
        pixels = np.rint(255 * (1 - image if dark else image)).astype(np.uint8).reshape(28, 28)
        buffer = io.BytesIO()
        large = Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC)
        large.save(buffer, form)
        return Image.open(buffer)

    seen = np.stack([center(brightness(draw(image))) for image in x])
    accuracy = (network.logits(seen.reshape(x.shape)).argmax(axis=1) == y).mean()
    assert accuracy > original - 0.02
