"""The plot stages: their figures, and the inputs that they refuse."""

import csv
import hashlib
import re
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from stages import (
    plot_augmented,
    plot_confusion,
    plot_loss,
    plot_predictions,
    plot_reliability,
    plot_weights,
    train,
)
from stages.files import processed
from stages.files.paths import CONFUSION, HISTORY, PREDICTIONS, RELIABILITY, WEIGHTS
from stages.files.writing import partial
from stages.running.errors import StageError

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from tests.support import PIPELINE, ROOT

PLOTS = [import_module(f"stages.{name}") for name in PIPELINE if name.startswith("plot_")]
BINS = "confidence,accuracy,samples\n"
PAIRS = "actual,predicted\n"
SCORES = "epoch,train_loss,validation_loss,train_accuracy,validation_accuracy\n"
HISTORY_ROWS = "1,2.5,0.75,0.5,0.625\n2,0.5,0.75,0.875,0.75\n3,0.0625,1,0.9375,0.875\n"
BINS_ROWS = "0.5,0.25,2\n0.75,0.875,40\n1,1,3000\n"
# of the pixels of each picture; after a change of the style, look at the pictures first
DIGESTS = {
    "augmented.png": "83faca824d596358",
    "confusion.png": "5e4fc291426580aa",
    "loss.png": "365f02926070875c",
    "mistakes.png": "a3fcf88dd57bf822",
    "predictions.png": "e3554bbd89fc7948",
    "reliability.png": "81739cf06fbbf353",
    "weights.png": "bd498ce745c87ee8",
}


@pytest.fixture
def drawn(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """The figures by the names of their files, in place of the files."""
    del workspace
    figures: dict[str, Figure] = {}
    for stage in (plot_predictions, plot_weights):
        monkeypatch.setattr(stage, "save", lambda figure, path: figures.update({path.name: figure}))
    return figures


@pytest.mark.parametrize(
    ("mistakes", "title"),
    [
        (0, "No mistakes in 200 images"),
        (4, "All 4 mistakes"),
        (9, "All 9 mistakes"),
        (10, "9 of 10 mistakes"),
    ],
)
def test_mistakes_are_drawn_and_counted_in_the_title(
    mistakes: int, title: str, drawn: dict[str, Figure]
) -> None:
    labels = np.load(processed.labels_path("test"))
    predicted = labels.copy()
    predicted[:mistakes] = (labels[:mistakes] + 1) % 10
    np.savez(PREDICTIONS, probabilities=np.eye(10, dtype=np.float32)[predicted], labels=labels)
    plot_predictions.main()
    cells = {
        name: [axes.get_title() for axes in figure.axes if axes.axison]
        for name, figure in drawn.items()
    }
    assert drawn["mistakes.png"].get_suptitle() == title
    assert len(cells["mistakes.png"]) == min(mistakes, 9)
    assert all("✗" in cell for cell in cells["mistakes.png"])
    assert len(cells["predictions.png"]) == 9


def test_the_worst_mistakes_come_first(drawn: dict[str, Figure]) -> None:
    text = Path("params.yaml").read_text().replace("mistakes: sample", "mistakes: worst")
    Path("params.yaml").write_text(text.replace("rows: 3", "rows: 1"))
    with np.load(PREDICTIONS) as predictions:
        probabilities, labels = predictions["probabilities"], predictions["labels"]
    wrong = probabilities.max(axis=1)[probabilities.argmax(axis=1) != labels]
    plot_predictions.main()
    titles = [axes.get_title() for axes in drawn["mistakes.png"].axes]
    shown = [re.findall(r"\((.*)%\)", title)[0] for title in titles]
    assert shown == [f"{100 * probability:.1f}" for probability in sorted(wrong)[:-4:-1]]


@pytest.mark.parametrize(("units", "end"), [(1, "unit"), (7, "unit"), (101, "(100 of 101)")])
def test_weights_of_any_number_of_units_are_drawn(
    units: int, end: str, drawn: dict[str, Figure]
) -> None:
    weights = np.arange(1, 784 * units + 1, dtype=np.float32).reshape(784, units)
    np.savez(WEIGHTS, allow_pickle=False, W1=weights, b1=np.zeros(units, np.float32))
    plot_weights.main()
    axes = drawn["weights.png"].axes[0]
    assert axes.get_title().endswith(end)
    image: Any = axes.images[0].get_array()
    image = image.filled(0)
    assert np.count_nonzero(image) == 784 * min(units, 100)
    np.testing.assert_array_equal(image[:28, :28], weights[:, 0].reshape(28, 28))
    if units > 1:
        np.testing.assert_array_equal(image[:28, 31:59], weights[:, 1].reshape(28, 28))


@pytest.mark.usefixtures("workspace")
def test_pictures_are_drawn_without_a_warning(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["plot_loss"])
    for stage in PLOTS:
        stage.main()
    assert not caplog.messages


@pytest.mark.usefixtures("workspace")
def test_every_pixel_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw files that no training has written, so that only the drawing counts."""
    monkeypatch.setattr(sys, "argv", ["plot_loss"])
    parameters = Path("params.yaml").read_text()
    for name, limit in (("rotation", 30), ("shift", 2), ("elastic", 1)):
        parameters = parameters.replace(f"  {name}: 0 ", f"  {name}: {limit} ")
    Path("params.yaml").write_text(parameters)
    classes, labels = processed.load_classes(), np.load(processed.labels_path("test"))
    shares = (np.arange(2000, dtype=np.float32) % 7).reshape(200, 10) / 16
    shares[np.arange(200), labels] += (np.arange(200, dtype=np.float32) % 3) / 4
    np.savez(PREDICTIONS, allow_pickle=False, probabilities=shares, labels=labels)
    weights = (np.arange(784 * 12, dtype=np.float32) % 41 - 20).reshape(784, 12) / 16
    np.savez(WEIGHTS, allow_pickle=False, W1=weights, b1=np.zeros(12, np.float32))
    pairs = [f"{classes[k % 10]},{classes[k * k // 50 % 10]}\n" for k in range(900)]
    CONFUSION.write_text(PAIRS + "".join(pairs))
    HISTORY.write_text(SCORES + HISTORY_ROWS)
    RELIABILITY.write_text(BINS + BINS_ROWS)
    for picture in Path("plots").glob("*.png"):
        picture.unlink()
    for stage in PLOTS:
        stage.main()
    pixels = {path.name: Image.open(path).tobytes() for path in Path("plots").glob("*.png")}
    digests = {name: hashlib.sha256(data).hexdigest()[:16] for name, data in pixels.items()}
    assert digests == DIGESTS


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize(
    ("stage", "path", "content", "message"),
    [
        (plot_confusion, "plots/confusion.csv", f"{PAIRS}zero,x\n", "line 2: 'x' is not in list"),
        (plot_confusion, "plots/confusion.csv", f"{PAIRS}zero\n", "line 2: must have 2 fields"),
        (plot_confusion, "plots/confusion.csv", "a,b\nzero,one\n", "must have a column actual"),
        (plot_reliability, "plots/reliability.csv", "a,b\n1,2\n", "must have a column confidence"),
        (plot_reliability, "plots/reliability.csv", "", "must have a column confidence, has "),
        (plot_reliability, "plots/reliability.csv", BINS, "holds no bins"),
        (plot_reliability, "plots/reliability.csv", f"{BINS}.5,2,1\n", "must be in [0, 1], is 2"),
        (plot_reliability, "plots/reliability.csv", f"{BINS}.5,.5,1e999\n", "line 2: "),
        (plot_reliability, "plots/reliability.csv", b"\xff", "not valid CSV: 'utf-8' codec"),
        (plot_loss, "plots/history.csv", "epoch,loss\n1,2\n", "must have a column train_loss"),
        (plot_loss, "plots/history.csv", f"{SCORES}1,x,,,\n", "line 2: could not convert string"),
        (plot_loss, "plots/history.csv", f"{SCORES}1,nan,,,\n", "must be in [0, 1e+30], is nan"),
        (plot_weights, "data/weights.npz", b"", "not a valid .npz archive: "),
    ],
)
def test_malformed_inputs_are_refused(
    stage: ModuleType,
    path: str,
    content: str | bytes,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", [stage.__name__])
    Path(path).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(StageError) as error:
        stage.main()
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.usefixtures("workspace")
def test_weights_of_no_square_image_are_not_drawn() -> None:
    np.savez(WEIGHTS, W1=np.ones((783, 10), np.float32), b1=np.zeros(10, np.float32))
    with pytest.raises(StageError, match="W1 must have a row for each pixel of a square image"):
        plot_weights.main()


@pytest.mark.usefixtures("workspace")
def test_no_training_images_are_not_drawn() -> None:
    np.save(processed.images_path("train"), np.zeros((0, 784), np.float32))
    np.save(processed.labels_path("train"), np.zeros(0, np.uint8))
    with pytest.raises(StageError, match=r"^data/processed/train_labels.npy: holds no labels$"):
        plot_augmented.main()


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "must hold probabilities, float32 of shape (200, 10)"),
        (
            {"probabilities": np.zeros((199, 10), np.float32)},
            "must hold probabilities, float32 of shape (200, 10)",
        ),
        ({"probabilities": np.zeros((200, 10))}, "must hold probabilities, float32 of shape"),
        ({"probabilities": np.full((200, 10), np.nan, np.float32)}, "must hold probabilities in"),
    ],
)
def test_predictions_of_other_images_are_refused(
    arrays: dict[str, NDArray[Any]], message: str
) -> None:
    np.savez(PREDICTIONS, allow_pickle=False, **arrays)
    with pytest.raises(StageError) as error:
        plot_predictions.main()
    assert str(error.value).startswith(f"data/predictions.npz: {message}")


@pytest.mark.usefixtures("workspace")
def test_plot_follows_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    HISTORY.unlink()
    follower = subprocess.Popen(
        [sys.executable, "-m", "stages.plot_loss", "--follow"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert follower.stdout
    lines = ["following plots/history.csv, drawing plots/loss.png; Ctrl-C ends it\n"]
    picture = Path("plots/loss.png")
    pictures = set()
    with partial(HISTORY).open("w", newline="") as file:
        table = csv.DictWriter(file, train.COLUMNS, restval="0.5")
        table.writeheader()
        for epoch in (1, 2):
            table.writerow({"epoch": epoch})
            file.flush()
            for line in (*lines, f"plots/loss.png: epoch {epoch}\n"):
                assert follower.stdout.readline() == line
            lines.clear()
            pictures.add(picture.read_bytes())
    follower.send_signal(signal.SIGINT)
    follower.communicate()
    assert follower.returncode == 0
    assert len(pictures) == 2
