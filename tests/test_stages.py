"""What single stages do with inputs that are unusual, damaged or wrong."""

import csv
import io
import json
import os
import re
import signal
import struct
import subprocess
import sys
import termios
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from network.model import Network
from network.training import Samples
from network.training import evaluate as score_of
from stages import (
    evaluate,
    plot_confusion,
    plot_loss,
    plot_predictions,
    plot_reliability,
    plot_weights,
    preprocess,
    train,
)
from stages.common import errors, npz, processed
from stages.common.datasets import (
    DATASETS,
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
)
from stages.common.errors import StageError
from stages.common.paths import CLASSES
from tests.support import Clone, idx_bytes, small_dataset

pytestmark = pytest.mark.usefixtures("workspace")

RAW, PROCESSED = Path("data/raw"), Path("data/processed")
WEIGHTS, PREDICTIONS, HISTORY = (
    Path("data/weights.npz"),
    Path("data/predictions.npz"),
    Path("plots/history.csv"),
)


@pytest.fixture(autouse=True)
def _small(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DATASETS, "small", small_dataset(dataset))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def write_idx(name: str, *shape: int) -> int:
    return (RAW / name).write_bytes(idx_bytes(np.zeros(shape, np.uint8)))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda: (RAW / TRAIN_LABELS).write_bytes(struct.pack(">2I", 2051, 0)),
            f"data/raw/{TRAIN_LABELS}: magic number must be 2049, is 2051",
        ),
        (
            lambda: truncate(RAW / TRAIN_IMAGES),
            f"data/raw/{TRAIN_IMAGES}: must be 470416 bytes for 600 × 28 × 28, is 470415",
        ),
        (
            lambda: write_idx(TEST_LABELS, 199),
            f"data/raw/{TEST_LABELS}: 199 labels for 200 images",
        ),
        (
            lambda: write_idx(TRAIN_IMAGES, 600, 28, 27),
            f"data/raw/{TRAIN_IMAGES}: images must be 28 × 28, are 28 × 27",
        ),
        (
            lambda: [write_idx(TEST_IMAGES, 0, 28, 28), write_idx(TEST_LABELS, 0)],
            f"data/raw/{TEST_LABELS}: holds no labels",
        ),
        (
            lambda: (RAW / TEST_LABELS).write_bytes(idx_bytes(np.arange(200, dtype=np.uint8))),
            f"data/raw/{TEST_LABELS}: label 10 must be below 10, is 10",
        ),
    ],
)
def test_preprocess_names_what_is_wrong(damage: object, message: str) -> None:
    damage()  # type: ignore[operator]
    with pytest.raises(StageError) as error:
        preprocess.main()
    assert str(error.value) == message


@pytest.mark.parametrize("stage", [train, evaluate, plot_predictions])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(b""), "images.npy: not an .npy file: "),
        (lambda path: path.write_bytes(b"no array"), "images.npy: not an .npy file: "),
        (
            lambda path: np.save(path, np.zeros((500, 784))),
            "images.npy: must be float32 in 2 dimensions, is float64 in 2",
        ),
        (
            lambda path: np.save(path, np.zeros((5, 784), np.float32)),
            r"images.npy: 5 images, but \d+ labels",
        ),
        (lambda path: np.save(path, np.array([{}])), "images.npy: not an .npy file: "),
        (truncate, "images.npy: not an .npy file: "),
    ],
    ids=["empty", "text", "float64", "rows", "pickle", "truncated"],
)
def test_arrays_are_checked_by_their_readers(stage: object, damage: object, message: str) -> None:
    damage(PROCESSED / ("train_images.npy" if stage is train else "test_images.npy"))  # type: ignore[operator]
    with pytest.raises(StageError, match=message):
        stage.main()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("content", "message"),
    [("[", "not JSON: "), ("{}", "must be a list"), ("[1]", "must be a list")],
)
def test_names_of_classes_are_checked(content: str, message: str) -> None:
    CLASSES.write_text(content)
    with pytest.raises(StageError, match=f"data/processed/classes.json: {message}"):
        evaluate.main()


HEADER = b"\x93NUMPY\x01\x00\x06\x00"


NUMBER = (
    HEADER[:-2]
    + b"v\0"
    + b"{'descr': '<f4', 'fortran_order': False, 'shape': ()}".ljust(118)
    + bytes(4)
)


def zipped(content: bytes) -> bytes:
    """Make an .npz archive of one member."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("W1.npy", content)
    return archive.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        zipped(HEADER + b"{'a' 1"),  # a SyntaxError within NumPy
        zipped(b""),
        zipped(HEADER),
        # a central directory that points before the file
        zipped(HEADER).replace(b"PK\x03\x04", b"")[:-4] + b"\xff\xff\xff\x7f",
    ],
)
def test_what_fuzzing_made_of_weights_is_refused(content: bytes) -> None:
    WEIGHTS.write_bytes(content)
    with pytest.raises(StageError, match=r"^data/weights\.npz: (not an \.npz|does not fit)"):
        evaluate.main()


UNFIT = "does not fit model.hidden"


def change(**arrays: NDArray[Any]) -> None:
    """Replace or add arrays in the file of weights."""
    with np.load(WEIGHTS) as weights:
        changed = {**weights, **arrays}
    np.savez(WEIGHTS, allow_pickle=True, **changed)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda: WEIGHTS.write_bytes(b""), "not an .npz archive: "),
        (lambda: WEIGHTS.write_bytes(b"no archive"), "not an .npz archive: "),
        (lambda: truncate(WEIGHTS), "not an .npz archive: "),
        (lambda: change(b3=np.full(10, np.nan)), f"{UNFIT}: b3 must hold finite numbers only"),
        (lambda: change(b3=np.zeros(9)), f"{UNFIT}: b3 must have shape (10,), has (9,)"),
        (lambda: change(b4=np.zeros(9)), f"{UNFIT}: must hold W1, b1, W2, b2, W3, b3, holds W1"),
        (lambda: change(b3=np.array([{}] * 10)), "not an .npz archive: Object arrays"),
        (lambda: change(b3=np.array(["a"] * 10)), f"{UNFIT}: b3 must hold finite numbers only"),
    ],
    ids=["empty", "text", "truncated", "NaN", "shape", "names", "pickle", "words"],
)
def test_evaluate_refuses_weights_that_do_not_fit(damage: object, message: str) -> None:
    damage()  # type: ignore[operator]
    with pytest.raises(StageError) as error:
        evaluate.main()
    assert str(error.value).startswith(f"data/weights.npz: {message}")


def test_evaluate_refuses_a_flipped_bit() -> None:
    content = bytearray(WEIGHTS.read_bytes())
    content[len(content) // 2] ^= 1
    WEIGHTS.write_bytes(content)
    with pytest.raises(StageError, match="Bad CRC-32"):
        evaluate.main()


@pytest.mark.parametrize(
    ("mistakes", "title"),
    [
        (0, "No mistakes in 200 images"),
        (4, "All 4 mistakes"),
        (9, "All 9 mistakes"),
        (10, "9 of 10 mistakes"),
    ],
)
def test_mistakes_are_drawn_or_said_to_be_none(
    mistakes: int, title: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = np.load(PROCESSED / "test_labels.npy")
    predicted = labels.copy()
    predicted[:mistakes] = (labels[:mistakes] + 1) % 10
    np.savez(PREDICTIONS, probabilities=np.eye(10, dtype=np.float32)[predicted], labels=labels)
    drawn = {}

    def save(figure: object, path: Path) -> None:
        texts = [axes.get_title() for axes in figure.axes if axes.axison]  # type: ignore[attr-defined]
        drawn[path.name] = (figure.get_suptitle(), texts)  # type: ignore[attr-defined]

    monkeypatch.setattr(plot_predictions, "save", save)
    plot_predictions.main()
    said, cells = drawn["mistakes.png"]
    assert said == title
    assert len(cells) == min(mistakes, 9)
    assert all("✗" in cell for cell in cells)
    _, cells = drawn["predictions.png"]
    assert len(cells) == 9


def test_the_worst_mistakes_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    text = Path("params.yaml").read_text().replace("mistakes: sample", "mistakes: worst")
    Path("params.yaml").write_text(text.replace("rows: 3", "rows: 1"))
    with np.load(PREDICTIONS) as predictions:
        probabilities, labels = predictions["probabilities"], predictions["labels"]
    wrong = probabilities.max(axis=1)[probabilities.argmax(axis=1) != labels]
    drawn = {}

    def save(figure: object, path: Path) -> None:
        drawn[path.name] = [axes.get_title() for axes in figure.axes]  # type: ignore[attr-defined]

    monkeypatch.setattr(plot_predictions, "save", save)
    plot_predictions.main()
    shown = [re.findall(r"\((.*)%\)", title)[0] for title in drawn["mistakes.png"]]
    assert shown == [f"{100 * probability:.1f}" for probability in sorted(wrong)[:-4:-1]]


@pytest.mark.parametrize(
    ("stage", "path", "content", "message"),
    [
        (plot_confusion, "plots/confusion.csv", "actual,predicted\nzero,x\n", "not of these"),
        (plot_confusion, "plots/confusion.csv", "a,b\nzero,one\n", "not of these classes: "),
        (plot_reliability, "plots/reliability.csv", "a,b\n1,2\n", "not bins of a reliability"),
        (plot_reliability, "plots/reliability.csv", "", "not bins of a reliability diagram: "),
        (plot_reliability, "metrics/test.json", "{}", "holds no test.calibration_error: "),
        (plot_weights, "data/weights.npz", zipped(b""), "not an .npz archive: W1 is no array"),
        (plot_weights, "data/weights.npz", zipped(NUMBER), "must hold W1, with a row"),
    ],
)
def test_pictures_refuse_what_they_cannot_draw(
    stage: object, path: str, content: str | bytes, message: str
) -> None:
    Path(path).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(StageError, match=rf"^{re.escape(path)}: {message}"):
        stage.main()  # type: ignore[attr-defined]


@pytest.mark.parametrize(("units", "end"), [(1, "unit"), (7, "unit"), (101, "(100 of 101)")])
def test_weights_are_drawn_of_any_number_of_units(
    units: int, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = np.arange(1, 784 * units + 1, dtype=np.float32).reshape(784, units)
    np.savez(WEIGHTS, allow_pickle=False, W1=weights)
    drawn: list[Any] = []
    monkeypatch.setattr(plot_weights, "save", lambda figure, _: drawn.append(figure))
    plot_weights.main()
    axes = drawn[0].axes[0]
    assert axes.get_title().endswith(end)
    image = axes.images[0].get_array().filled(0)
    assert np.count_nonzero(image) == 784 * min(units, 100)
    np.testing.assert_array_equal(image[:28, :28], weights[:, 0].reshape(28, 28))
    if units > 1:
        np.testing.assert_array_equal(image[:28, 31:59], weights[:, 1].reshape(28, 28))


@pytest.mark.parametrize("arrays", [{}, {"probabilities": np.zeros((199, 10))}])
def test_predictions_of_other_images_are_refused(arrays: dict[str, NDArray[np.float64]]) -> None:
    np.savez(PREDICTIONS, allow_pickle=False, **arrays)
    with pytest.raises(StageError) as error:
        plot_predictions.main()
    assert str(error.value) == (
        "data/predictions.npz: must hold probabilities of 200 images for 10 classes"
    )


@pytest.mark.parametrize("content", ["epoch,loss\n1,2\n", "epoch,train_loss\n1,x\n"])
def test_a_history_that_is_none_is_refused(content: str, monkeypatch: pytest.MonkeyPatch) -> None:
    HISTORY.write_text(content)
    monkeypatch.setattr(sys, "argv", ["plot_loss"])
    with pytest.raises(StageError, match=r"plots/history\.csv: not a training history: "):
        plot_loss.main()


def test_divergence_says_what_to_lower() -> None:
    text = Path("params.yaml").read_text().replace("learning_rate: 0.02", "learning_rate: 1e30")
    Path("params.yaml").write_text(text)
    with pytest.raises(StageError) as error:
        train.main()
    assert str(error.value) == (
        "epoch 1: the loss is nan: lower train.learning_rate (1e+30) in params.yaml"
    )


def set_training(**settings: Any) -> None:
    """Set keys of the section ``train``, new ones too."""
    content = yaml.safe_load(Path("params.yaml").read_text())
    content["train"] |= settings
    Path("params.yaml").write_text(yaml.safe_dump(content))


def history() -> list[dict[str, float]]:
    with HISTORY.open(newline="") as file:
        return [
            {name: float(figure) for name, figure in row.items()} for row in csv.DictReader(file)
        ]


def test_the_best_epoch_is_kept_and_named() -> None:
    set_training(keep="best", learning_rate=0.1, epochs=20)
    train.main()
    losses = [epoch["validation_loss"] for epoch in history()]
    kept = json.loads(Path("metrics/train.json").read_bytes())
    assert losses[-1] != min(losses)
    assert kept["epoch"] == 1 + losses.index(min(losses))
    assert kept["validation"]["loss"] == min(losses)
    network = Network([784, 64, 32, 10])
    network.assign(npz.read(WEIGHTS))
    score = score_of(network, Samples(*processed.load("validation")))
    assert score.loss == pytest.approx(min(losses), abs=1e-6)


def test_the_best_epoch_needs_validation() -> None:
    set_training(keep="best")
    for name in ("images", "labels"):
        path = PROCESSED / f"validation_{name}.npy"
        np.save(path, np.load(path)[:0])
    with pytest.raises(StageError, match=r"^params\.yaml: train\.keep: must be 'last' without"):
        train.main()


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "momentum", "momentum": 0.8},
        {"optimizer": "nesterov", "schedule": "step"},
        {"optimizer": "adam", "learning_rate": 0.002, "schedule": "cosine", "warmup": 0.5},
        {"optimizer": "adamw", "learning_rate": 0.002, "schedule": "one_cycle", "warmup": 1},
        {"threads": 2},
    ],
    ids=str,
)
def test_every_way_of_training_learns_and_repeats(settings: dict[str, Any]) -> None:
    set_training(**settings, epochs=5)
    train.main()
    first = WEIGHTS.read_bytes()
    assert history()[-1]["train_loss"] < 0.9 * history()[0]["train_loss"]
    train.main()
    assert WEIGHTS.read_bytes() == first


def test_train_prints_a_line_an_epoch_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    train.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]
    last = json.loads(Path("metrics/train.json").read_bytes())
    splits = (
        f"{split} loss {last[split]['loss']:.4f} {last[split]['accuracy']:.2%}" for split in last
    )
    assert lines[-1] == f"epoch 3/3: {', '.join(splits)}"


def test_train_shows_a_bar_in_a_terminal(clone: Clone) -> None:
    ours, theirs = os.openpty()
    termios.tcsetwinsize(ours, (24, 80))
    done = subprocess.run(
        [sys.executable, "-m", "stages.train"],
        cwd=clone.root,
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=True,
    )
    assert done.stdout == b""
    shown = os.read(ours, 100_000).decode()
    figures = r"loss \d\.\d{4} \d\d\.\d\d%"
    assert re.search(rf"epoch 3/3 \|█+\| 00:00, train {figures}, validation {figures}\r\n", shown)
    for end in (ours, theirs):
        os.close(end)


def raise_interrupt() -> None:
    raise KeyboardInterrupt


def read_absent() -> None:
    Path("absent").read_bytes()


def ask_for_too_much() -> None:
    np.empty(2**50)


@pytest.mark.parametrize(
    ("main", "said", "code"),
    [
        (raise_interrupt, "interrupted", 130),
        (read_absent, "error: absent: No such file or directory", 1),
        (ask_for_too_much, "error: not enough memory: Unable to allocate", 1),
    ],
)
def test_what_can_be_expected_ends_in_a_line(
    main: object, said: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        errors.run(main)  # type: ignore[arg-type]
    if isinstance(end.value.code, str):
        assert code == 1
        assert end.value.code.startswith(said)
    else:
        assert end.value.code == code
        assert capsys.readouterr().err == f"{said}\n"


def test_plot_follows_training(fresh: Clone, tmp_path: Path) -> None:
    clone = fresh.copy(tmp_path / "clone")
    (clone.root / "plots").mkdir()
    follower = subprocess.Popen(
        [sys.executable, "-m", "stages.plot_loss", "--follow"],
        cwd=clone.root,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert follower.stdout
    assert follower.stdout.readline().startswith("following plots/history.csv")
    picture = clone.root / "plots/loss.png"
    pictures = set()
    with (clone.root / "plots/history.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, train.COLUMNS, restval="0.5")
        table.writeheader()
        for epoch in (1, 2):
            table.writerow({"epoch": epoch})
            file.flush()
            assert follower.stdout.readline() == f"plots/loss.png: epoch {epoch}\n"
            pictures.add(picture.read_bytes())
    follower.send_signal(signal.SIGINT)
    follower.communicate(timeout=10)
    assert follower.returncode == 0
    assert len(pictures) == 2
