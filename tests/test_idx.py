"""Reading IDX files."""

import struct
from pathlib import Path

from stages.shared import idx
from stages.shared.errors import StageError

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from tests.support import idx_bytes


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("idx") / "file"


@given(array=arrays(np.uint8, array_shapes(max_dims=3, min_side=0, max_side=6)))
def test_round_trip(path: Path, array: NDArray[np.uint8]) -> None:
    path.write_bytes(idx_bytes(array))
    read = idx.read(path, array.ndim)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\0\0\x08", "ends within its header of 8 bytes"),
        (struct.pack(">2I", 2050, 1) + b"x", "magic number must be 2049, is 2050"),
        (struct.pack(">2I", 2049, 3) + b"xx", "must be 11 bytes for 3, is 10"),
        (struct.pack(">2I", 2049, 3) + b"xxxx", "must be 11 bytes for 3, is 12"),
        (struct.pack(">2I", 2049, 2**32 - 1), "must be 4294967303 bytes for 4294967295, is 8"),
    ],
)
def test_message(path: Path, content: bytes, message: str) -> None:
    path.write_bytes(content)
    with pytest.raises(StageError) as error:
        idx.read(path, 1)
    assert str(error.value) == f"{path}: {message}"
