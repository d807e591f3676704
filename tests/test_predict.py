"""Pictures of digits: their conversion to MNIST's format, and the messages about them."""

import io
import re
import sys
from pathlib import Path

from stages.running.errors import StageError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from tools import predict
from tools.pictures import center

pytestmark = pytest.mark.usefixtures("workspace")


def digit() -> NDArray[np.float32]:
    """An image as MNIST's are: 20 pixels high, its centre of mass at pixel 14."""
    image = np.zeros((28, 28), np.float32)
    image[4:24, 13:17] = 1
    image[4:8, 9:17] = 1
    image[19:24, 9:19] = 1
    return image


def picture(
    size: int = 28, *, mode: str = "L", dark: bool = False, low: float = 0, high: float = 255
) -> Image.Image:
    """Draw the digit, light on dark or dark on light, of that many pixels."""
    large = Image.fromarray(digit()).resize((size, size), Image.Resampling.BOX)
    ink = 1 - np.asarray(large) if dark else np.asarray(large)
    return Image.fromarray((low + (high - low) * ink).astype(np.uint8)).convert(mode)


def save(image: Image.Image, path: Path) -> Path:
    image.save(path)
    return path


def test_what_is_centred_already_stays_as_it_is() -> None:
    np.testing.assert_array_equal(center(digit()), digit())


@given(st.integers(0, 8), st.integers(0, 8), st.floats(0, 0.4), st.floats(0.6, 1), st.booleans())
def test_place_contrast_and_polarity_do_not_matter(
    top: int, left: int, low: float, high: float, dark: bool
) -> None:
    canvas = np.zeros((36, 36), np.float32)
    canvas[top : top + 28, left : left + 28] = digit()
    ink = 1 - canvas if dark else canvas
    centred = center(np.float32(low) + np.float32(high - low) * ink)
    np.testing.assert_allclose(centred, digit(), atol=1e-5)


@pytest.mark.parametrize("size", [56, 280, 1120])
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_size_and_format_do_not_matter(name: str, dark: bool, size: int, tmp_path: Path) -> None:
    read = predict.read_image(save(picture(size, dark=dark), tmp_path / name))
    assert np.abs(read - digit()).mean() < 0.04
    assert read.min() >= 0
    assert read.max() <= 1


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16", "CMYK"])
def test_every_mode_is_read(mode: str, tmp_path: Path) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.asarray(picture()).astype(np.uint16) * 257)
    else:
        image = picture(mode=mode)
    path = save(image, tmp_path / ("a.jpg" if mode == "CMYK" else "a.png"))
    assert np.abs(predict.read_image(path) - digit()).mean() < 0.04


def test_what_is_transparent_is_paper(tmp_path: Path) -> None:
    ink = Image.new("RGBA", (28, 28), "black")
    ink.putalpha(picture())
    np.testing.assert_allclose(predict.read_image(save(ink, tmp_path / "a.png")), digit())


def test_a_photograph_stands_as_it_was_held(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    picture(280).rotate(90).save(tmp_path / "a.jpg", exif=exif)
    assert np.abs(predict.read_image(tmp_path / "a.jpg") - digit()).mean() < 0.04


def png() -> bytes:
    buffer = io.BytesIO()
    picture(280).save(buffer, "PNG")
    return buffer.getvalue()


def huge() -> bytes:
    buffer = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(buffer, "PNG")
    return buffer.getvalue()


def blank() -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (9, 9), 77).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a PNG or JPEG picture"),
        (b"text", "not a PNG or JPEG picture"),
        (png()[:300], "image file is truncated"),
        (png()[:20], "Truncated File Read"),
        (png().replace(b"IDAT", b"IDAX"), ""),
        (huge(), r"Image size \(400000000 pixels\) exceeds limit"),
        (blank(), "shows nothing that stands out from its background"),
    ],
    ids=["empty", "text", "truncated", "header", "chunk", "bomb", "blank"],
)
def test_what_is_no_digit_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(StageError, match=rf"^{re.escape(str(path))}: {message}"):
        predict.read_image(path)


def test_a_missing_picture_is_named() -> None:
    with pytest.raises(StageError, match=r"^absent\.png: No such file or directory$"):
        predict.read_image(Path("absent.png"))


def test_the_command_says_and_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [str(save(picture(100, dark=bool(i % 2)), tmp_path / f"{i}.png")) for i in range(6)]
    monkeypatch.setattr(sys, "argv", ["predict", *names, "--output", "seen.png"])
    predict.main()
    *said, drawn = capsys.readouterr().out.splitlines()
    assert drawn == "seen.png: the images as the network sees them"
    for name, line in zip(names, said, strict=True):
        assert re.fullmatch(rf"{re.escape(name)}: (\w+ \(\d+\.\d%\)(, |$)){{3}}", line)
    with Image.open("seen.png") as image:
        assert image.width > image.height
