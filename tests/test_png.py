"""Pictures of any size are read back as they were, and their bytes are those of every system."""

import hashlib
import io

from stages.shared.png import write_png

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

sides = st.integers(1, 20)
pictures = st.tuples(sides, sides, st.just(3)).flatmap(lambda shape: arrays(np.uint8, shape))


def png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    write_png(file, pixels)
    return file.getvalue()


@given(pixels=pictures)
def test_pixels_are_read_back(pixels: NDArray[np.uint8]) -> None:
    with Image.open(io.BytesIO(png(pixels))) as image:
        image.verify()  # checks the sum of each chunk
    with Image.open(io.BytesIO(png(pixels))) as image:
        assert image.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(image), pixels)


def test_the_bytes_are_those_of_every_system() -> None:
    y, x = np.mgrid[:300, :400]
    noise = np.random.default_rng(0).integers(0, 9, (300, 400))
    pixels = np.stack([x % 256, x * y // 64 % 256, noise], axis=-1).astype(np.uint8)
    digest = hashlib.sha256(png(pixels)).hexdigest()
    assert digest == "676cf02df41701144d0ca7f396d8bf20d6cecf24aaa1c42c1699cdeedc34b689"
