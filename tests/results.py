"""Properties of the real results, tested after the pipeline: ``make check``.

The figures are those of the weights, and nine of ten digits are read on any paper.
"""

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stages.shared.files import load_network

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.drawings import FINE_PEN, MARKER, PEN, draw_digit, draw_line
from tests.papers import PAPERS, as_picture
from tests.support import ROOT
from tools.pictures import decode
from tools.preparation import prepare_centred

SAMPLE = 100
TEST_SAMPLE = 500


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
    ("size", "dark", "form"), [(28, False, "PNG"), (64, True, "JPEG"), (200, False, "WebP")]
)
def test_other_sizes_and_polarities_are_told_as_well(size: int, dark: bool, form: str) -> None:
    images, labels = load("test")
    x, y = images[:TEST_SAMPLE], labels[:TEST_SAMPLE]

    def picture(image: NDArray[np.float32]) -> Image.Image:
        buffer = io.BytesIO()
        pixels = as_picture((1 - image if dark else image).astype(float))
        pixels.resize((size, size), Image.Resampling.BICUBIC).save(buffer, form)
        return Image.open(buffer)

    original = (load_network().logits(x).argmax(axis=1) == y).sum()
    read = [read_digits(picture(image)) for image in x.reshape(-1, 28, 28)]
    assert count(read, y) >= original - 0.02 * TEST_SAMPLE


@pytest.mark.parametrize("paper", PAPERS)
def test_drawings_are_read_on_any_paper(paper: str) -> None:
    assert count_drawings(paper, PEN) >= 0.9 * SAMPLE


@pytest.mark.parametrize("paper", ["plain", "photograph"])
@pytest.mark.parametrize("widths", [FINE_PEN, MARKER])
def test_thin_and_thick_strokes_are_read(paper: str, widths: tuple[float, float]) -> None:
    assert count_drawings(paper, widths) >= 0.9 * SAMPLE


def test_several_digits_are_read_from_left_to_right() -> None:
    lines = [[(i + k) % 10 for k in range(1 + i % 5)] for i in range(SAMPLE // 4)]
    random = np.random.default_rng(0)
    read = [read_digits(PAPERS["plain"](draw_line(line, random), random)) for line in lines]
    assert count(read, lines) >= 0.9 * len(lines)


def count_drawings(paper: str, widths: tuple[float, float]) -> int:
    """Return how many drawings of the digits in turn are read."""
    digits = np.arange(SAMPLE) % 10
    random = np.random.default_rng(0)
    drawings = (PAPERS[paper](draw_digit(int(digit), random, widths), random) for digit in digits)
    return count(map(read_digits, drawings), digits)


def read_digits(picture: Image.Image) -> list[int]:
    """Return the digits that a picture shows, none if it is refused."""
    try:
        images = prepare_centred(decode(picture)).images
    except ValueError:
        return []
    digits: list[int] = load_network().logits(images.reshape(-1, 784)).argmax(axis=1).tolist()
    return digits


def count(read: Iterable[list[int]], expected: Iterable[Any]) -> int:
    """Return how many are read as expected."""
    return sum(
        np.array_equal(digits, np.atleast_1d(e)) for digits, e in zip(read, expected, strict=True)
    )
