"""The two stages that draw: their pictures, of any number of mistakes and units."""

import hashlib
import re
from pathlib import Path
from typing import Any

from stages import plot_test, plot_training
from stages.shared.paths import HISTORY, PREDICTIONS, WEIGHTS, labels_path

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

HISTORY_ROWS = (
    "epoch,train_loss,validation_loss,train_accuracy,validation_accuracy\n"
    "1,2.5,0.75,0.5,0.625\n2,0.5,0.75,0.875,0.75\n3,0.0625,1,0.9375,0.875\n"
)
# digests of each picture's pixels; after a change of the style, look at the pictures first
DIGESTS = {
    "augmented.png": "aaf06e5a585e73ab",
    "confusion.png": "670388ca4b00c0eb",
    "loss.png": "3a20c6909a87126b",
    "mistakes.png": "8f986f92f674950e",
    "predictions.png": "e095da7f74ef8a7e",
    "reliability.png": "8a1f671ca8f77248",
    "weights.png": "5e724d9ea061e25f",
}


@pytest.fixture
def drawn(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """The pictures by the names of their files, in place of the files."""
    del workspace
    pictures: dict[str, Figure] = {}
    for stage in (plot_test, plot_training):
        monkeypatch.setattr(
            stage, "save", lambda figure, path: pictures.update({path.name: figure})
        )
    return pictures


def captions(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize(
    ("mistakes", "title"),
    [
        (0, "No mistakes in 200 images"),
        (9, "All 9 mistakes"),
        (10, "9 of 10 mistakes"),
    ],
)
def test_mistakes_are_drawn_and_counted_in_the_title(
    mistakes: int, title: str, drawn: dict[str, Figure]
) -> None:
    labels = np.load(labels_path("test"))
    predicted = labels.copy()
    predicted[:mistakes] = (labels[:mistakes] + 1) % 10
    np.savez(PREDICTIONS, probabilities=np.eye(10, dtype=np.float32)[predicted], labels=labels)
    plot_test.main()
    assert drawn["mistakes.png"].axes[0].get_title() == title
    assert len(captions(drawn["mistakes.png"])) == min(mistakes, 9)
    assert all("✗" in caption for caption in captions(drawn["mistakes.png"]))
    assert len(captions(drawn["predictions.png"])) == 9


def test_the_worst_mistakes_come_first(drawn: dict[str, Figure]) -> None:
    text = Path("params.yaml").read_text("utf-8").replace("mistakes: sample", "mistakes: worst")
    Path("params.yaml").write_text(text.replace("rows: 3", "rows: 1"), "utf-8")
    with np.load(PREDICTIONS) as predictions:
        probabilities, labels = predictions["probabilities"], predictions["labels"]
    wrong = probabilities.max(axis=1)[probabilities.argmax(axis=1) != labels]
    plot_test.main()
    shown = re.findall(r"\((.*)%\)", "\n".join(captions(drawn["mistakes.png"])))
    assert shown == [f"{100 * probability:.1f}" for probability in sorted(wrong)[:-4:-1]]


def save_first_layer(weights: NDArray[Any]) -> None:
    units = weights.shape[1]
    shapes = {"b1": units, "W2": (units, 10), "b2": 10}
    others = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    np.savez(WEIGHTS, allow_pickle=False, W1=weights, **others)


@pytest.mark.parametrize(("units", "end"), [(1, "unit"), (7, "unit"), (101, "(100 of 101)")])
def test_weights_of_any_number_of_units_are_drawn(
    units: int, end: str, drawn: dict[str, Figure]
) -> None:
    weights = np.arange(1, 784 * units + 1, dtype=np.float32).reshape(784, units)
    save_first_layer(weights)
    plot_training.main()
    axes = drawn["weights.png"].axes[0]
    assert axes.get_title().endswith(end)
    image: Any = axes.images[0].get_array()
    image = image.filled(0)
    assert np.count_nonzero(image) == 784 * min(units, 100)
    np.testing.assert_array_equal(image[3:31, 3:31], weights[:, 0].reshape(28, 28))
    if units > 1:
        np.testing.assert_array_equal(image[3:31, 34:62], weights[:, 1].reshape(28, 28))


def test_one_epoch_is_drawn_between_whole_numbers(drawn: dict[str, Figure]) -> None:
    HISTORY.write_text(HISTORY_ROWS.partition("2,0.5")[0], "utf-8")
    plot_training.main()
    assert drawn["loss.png"].axes[0].get_xlim() == (0, 2)


@pytest.mark.usefixtures("workspace")
def test_every_pixel_stays(caplog: pytest.LogCaptureFixture) -> None:
    """Draw files that no training has written, so that only the drawing counts."""
    parameters = Path("params.yaml").read_text("utf-8")
    for name, limit in (("rotation", 30), ("shift", 2), ("elastic", 1)):
        parameters = parameters.replace(f"  {name}: 0 ", f"  {name}: {limit} ")
    Path("params.yaml").write_text(parameters, "utf-8")
    labels = np.load(labels_path("test"))
    shares = (np.arange(2000, dtype=np.float32) % 7).reshape(200, 10) / 16
    shares[np.arange(200), labels] += (np.arange(200, dtype=np.float32) % 3) / 4
    np.savez(PREDICTIONS, allow_pickle=False, probabilities=shares, labels=labels)
    weights = (np.arange(784 * 12, dtype=np.float32) % 41 - 20).reshape(784, 12) / 16
    save_first_layer(weights)
    HISTORY.write_text(HISTORY_ROWS, "utf-8")
    for picture in Path("plots").glob("*.png"):
        picture.unlink()
    plot_training.main()
    plot_test.main()
    pixels = {path.name: Image.open(path).tobytes() for path in Path("plots").glob("*.png")}
    digests = {name: hashlib.sha256(data).hexdigest()[:16] for name, data in pixels.items()}
    assert digests == DIGESTS
    assert not caplog.messages
