"""Pictures are read in every format and mode, or refused in one line that names the file."""

import io
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stages.shared.errors import StageError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from tools import pictures

SQUARE = np.pad(np.zeros((6, 6), np.uint8), 5, constant_values=255)


def encoded(image: Image.Image | None = None, form: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    (image or Image.fromarray(SQUARE)).save(file, form, **options)
    return file.getvalue()


def read(content: bytes, tmp_path: Path) -> NDArray[np.float64]:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    return pictures.read(path)


@pytest.mark.parametrize("form", pictures.FORMATS)
def test_every_format_is_read_whatever_the_name_says(form: str, tmp_path: Path) -> None:
    pixels = read(encoded(Image.fromarray(SQUARE).convert("RGB"), form.upper()), tmp_path)
    assert pixels.shape == (16, 16, 3)
    np.testing.assert_allclose(pixels[..., 0], SQUARE / 255, atol=0.1)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16", "CMYK"])
def test_every_mode_is_read(mode: str, tmp_path: Path) -> None:
    if mode == "I;16":
        image = Image.fromarray(SQUARE.astype(np.uint16) * 257)
    else:
        image = Image.fromarray(SQUARE).convert(mode)
    pixels = read(encoded(image, "TIFF" if mode == "CMYK" else "PNG"), tmp_path)
    np.testing.assert_allclose(pixels, np.repeat(SQUARE[..., None] / 255, 3, axis=2), atol=1e-9)


def test_transparent_parts_are_seen_on_white_and_on_black(tmp_path: Path) -> None:
    white = Image.new("RGBA", (16, 16), "white")
    white.putalpha(Image.fromarray(255 - SQUARE))
    pixels = read(encoded(white), tmp_path)
    np.testing.assert_allclose(pixels[..., :3], 1)
    np.testing.assert_allclose(pixels[..., 3:], np.repeat(1 - SQUARE[..., None] / 255, 3, axis=2))


@given(st.integers(1, 3000), st.integers(1, 3000))
def test_a_picture_is_reduced_by_a_whole_number(width: int, height: int) -> None:
    pixels = pictures.decode(Image.new("L", (width, height), 51))
    longest = max(pixels.shape[:2])
    assert longest <= 256
    assert longest > 128 or longest == max(width, height)
    np.testing.assert_allclose(pixels, 0.2)


def test_a_photograph_is_turned_as_it_was_held(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    half = np.repeat(np.array([0, 255], np.uint8), 8)[:, None].repeat(16, axis=1)
    pixels = read(encoded(Image.fromarray(half), "JPEG", exif=exif), tmp_path)
    np.testing.assert_allclose(pixels[..., 0], np.rot90(half, -1) / 255, atol=0.1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda: b"text", "not a picture, must be one of PNG, JPEG, WebP, BMP, GIF, TIFF"),
        (lambda: encoded()[:60], "image file is truncated"),
        (
            lambda: encoded(Image.new("1", (20_000, 20_000))),
            "Image size (400000000 pixels) exceeds limit",
        ),
        (lambda: encoded(form="PDF"), "not a picture, must be one of PNG"),
    ],
    ids=lambda value: value if isinstance(value, str) else "content",  # that of a PDF has a date
)
def test_what_is_no_such_picture_is_refused(
    content: Callable[[], bytes], message: str, tmp_path: Path
) -> None:
    with pytest.raises(StageError, match=f"^{re.escape(message)}.*$"):
        read(content(), tmp_path)


@pytest.mark.parametrize("form", ["PNG", "GIF", "BMP", "TIFF"])
@given(data=st.data())
def test_a_damaged_picture_is_read_or_refused(
    form: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(encoded(form=form))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    try:
        pixels = read(bytes(content), tmp_path_factory.getbasetemp())
    except StageError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert pixels.ndim == 3
        assert ((pixels >= 0) & (pixels <= 1)).all()


def test_a_pipe_or_device_is_refused_at_once(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no such files")
    os.mkfifo(tmp_path / "pipe")
    for path in tmp_path, tmp_path / "pipe", Path("/dev/zero"):
        with pytest.raises(StageError, match=r"^must be a picture, is no file$"):
            pictures.read(path)
