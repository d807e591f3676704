"""The command says what each picture shows, what it cannot read and why, and draws the images."""

import re
import shutil
import sys
from pathlib import Path

from stages.shared.datasets import DATASETS
from stages.shared.files import write_json, write_npz
from stages.shared.paths import DATASET, TEST_METRICS, WEIGHTS, images_path, labels_path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from network.calibration import fit_temperature, varied
from network.loss import softmax
from network.model import Network
from tests.drawings import draw_digit, draw_line
from tests.papers import as_picture
from tools import predict

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def network(tmp_path: Path, monkeypatch: Patch) -> Network:
    """A network that has learned nothing, in the current folder, and four pictures."""
    monkeypatch.chdir(tmp_path)
    network = Network([784, 16, 10])
    network.initialize(np.random.default_rng(0))
    use(network, "mnist")
    random = np.random.default_rng(0)
    for name, ink in {
        "one.png": draw_digit(1, random),
        "two.png": draw_digit(2, random),
        "line.png": draw_line([3, 4, 5], random),
        "blank.png": np.zeros((30, 30)),
    }.items():
        as_picture(1 - ink).save(name)
    return network


def use(network: Network, dataset: str) -> None:
    write_npz(WEIGHTS, network.state_dict())
    described = DATASETS[dataset]
    write_json(DATASET, {"classes": described.classes, "preparation": described.preparation})
    write_json(TEST_METRICS, {"test": {"accuracy": 0.5}})
    np.save(images_path("validation"), np.zeros((0, network.sizes[0]), np.float32))
    np.save(labels_path("validation"), np.zeros(0, np.uint8))


def run(monkeypatch: Patch, capsys: Capture, *arguments: str) -> list[str]:
    """Return the lines that the command prints."""
    monkeypatch.setattr(sys, "argv", ["predict", *arguments])
    predict.main()
    return capsys.readouterr().out.splitlines()


LINE = r"(not sure: )?(\d \(\d+\.\d%\)(, |$)){3}"


def test_every_digit_of_every_picture_has_a_line(monkeypatch: Patch, capsys: Capture) -> None:
    arguments = "two.png", "line.png", "one.png", "--output", "p/o.png"
    *lines, drawn, advice = run(monkeypatch, capsys, *arguments)
    names = ["two.png", "line.png, 1 of 3", "line.png, 2 of 3", "line.png, 3 of 3", "one.png"]
    for name, line in zip(names, lines, strict=True):
        assert re.fullmatch(f"{name}: {LINE}", line)
    assert drawn == f"{Path('p/o.png')}: the images as the network sees them"
    assert advice == (
        f"{WEIGHTS}: 50.00% of the test images right;"
        " for better weights: dvc exp run $(python -m tools.recipe small)"
    )
    with Image.open("p/o.png") as picture:
        assert picture.width > 2 * picture.height


def test_a_bad_picture_does_not_keep_the_others_from_being_read(
    monkeypatch: Patch, capsys: Capture
) -> None:
    Path("text.png").write_text("text")
    with pytest.raises(SystemExit, match="1"):
        run(monkeypatch, capsys, "blank.png", "one.png", "text.png", "absent.png", "two.png")
    out, err = capsys.readouterr()
    names = [line.split(":")[0] for line in out.splitlines()]
    assert names == ["one.png", "two.png", "predict.png", str(WEIGHTS)]
    assert err.splitlines() == [
        "error: blank.png: nothing stands out from the paper",
        "error: text.png: not a picture, must be one of PNG, JPEG, WebP, BMP, GIF, TIFF",
        "error: absent.png: No such file or directory",
    ]


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (".", "must be a file"),
        ("one.png", "must not be one of the pictures"),
        ("./link.png", "must not be one of the pictures"),
    ],
)
def test_an_output_that_would_be_lost_is_refused(
    monkeypatch: Patch, capsys: Capture, output: str, message: str
) -> None:
    Path("link.png").symlink_to("one.png")
    before = Path("one.png").read_bytes()
    with pytest.raises(SystemExit):
        run(monkeypatch, capsys, "two.png", "one.png", "--output", output)
    assert capsys.readouterr().err.endswith(f"--output: {message}, got {Path(output)}\n")
    assert Path("one.png").read_bytes() == before


def test_odd_names_are_printed_and_drawn(monkeypatch: Patch, capsys: Capture) -> None:
    odd = ["a\u2028b.png", "$x_{1}.png", "漢字.png", "\udcff.png", "\u202e.png", 20 * "long"]
    for name in odd:
        shutil.copy("one.png", name)
    *lines, _, _ = run(monkeypatch, capsys, *odd, "--output", "\udcff\u2028")
    assert len(lines) == len(odd)
    assert all(line.isprintable() for line in lines)
    with pytest.raises(SystemExit, match="1"):
        run(monkeypatch, capsys, "absent\u2028\udcff")
    assert capsys.readouterr().err == "error: absent??: No such file or directory\n"


def test_a_most_likely_class_that_is_not_likely_is_not_sure() -> None:
    classes = ["a", "b", "c", "d"]
    sure = np.array([0, 0.75, 0.05, 0.2], np.float32)
    unsure = np.array([0.65, 0.05, 0, 0.3], np.float32)
    assert predict.summarize(sure, classes) == "b (75.0%), d (20.0%), c (5.0%)"
    assert predict.summarize(unsure, classes) == "not sure: a (65.0%), d (30.0%), b (5.0%)"


def test_a_mark_left_out_is_named(monkeypatch: Patch, capsys: Capture) -> None:
    ink = np.pad(draw_digit(1, np.random.default_rng(0)), 50)
    ink[5:25, 5:20] = 1
    as_picture(1 - ink).save("dot.png")
    lines = run(monkeypatch, capsys, "dot.png")
    assert lines[1] == "dot.png: 1 smaller mark left out"


def test_the_temperature_minimizes_the_loss_and_changes_no_prediction() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(5000, 3))
    p = softmax(logits)
    labels = (p.cumsum(axis=1) < random.random((5000, 1))).sum(axis=1)
    for scale in (0.5, 1, 2):
        assert fit_temperature(scale * logits, labels) == pytest.approx(scale, rel=0.1)
    assert fit_temperature(logits[:0], labels[:0]) == 1


def test_an_image_of_fashion_gets_the_prediction_of_the_data_set(
    network: Network, monkeypatch: Patch, capsys: Capture
) -> None:
    image: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    image[0, 0] = image[0, -1] = image[-1, 0] = 0
    Image.fromarray(image).save("shirt.png")
    use(network, "fashion-mnist")
    pixels = image.reshape(1, 784).astype(np.float32) / np.float32(255)
    expected = softmax(network.logits(pixels))[0]
    line, *_ = run(monkeypatch, capsys, "shirt.png")
    summary = predict.summarize(expected, list(DATASETS["fashion-mnist"].classes))
    assert line == f"shirt.png: {summary}"


def test_the_images_for_the_temperature_vary_in_one_way() -> None:
    images = np.random.default_rng(0).random((9, 784), np.float32)
    assert varied(images[:0]).shape == (0, 784)
    assert (varied(images) != images).any()
    np.testing.assert_array_equal(varied(images), varied(images))
