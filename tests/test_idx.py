"""Reading IDX files."""

import struct
from contextlib import suppress
from pathlib import Path

from stages.running.errors import StageError
from stages.shared import idx

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from tests.support import idx_bytes

byte_arrays = arrays(np.uint8, array_shapes(max_dims=3, min_side=0, max_side=6))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("idx") / "file"


@given(array=byte_arrays)
def test_round_trip(path: Path, array: NDArray[np.uint8]) -> None:
    path.write_bytes(idx_bytes(array))
    read = idx.read(path, array.ndim)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, array)


@given(array=byte_arrays, data=st.data())
def test_any_truncation_is_refused(
    path: Path, array: NDArray[np.uint8], data: st.DataObject
) -> None:
    content = idx_bytes(array)
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(StageError, match=r"ends within its header|must be .* bytes for"):
        idx.read(path, array.ndim)


@given(content=st.binary(max_size=40), dimensions=st.integers(1, 3))
def test_any_bytes_are_an_array_or_refused(path: Path, content: bytes, dimensions: int) -> None:
    path.write_bytes(content)
    with suppress(StageError):
        assert idx_bytes(idx.read(path, dimensions)) == content


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


def test_no_bytes_in_dimensions_beyond_memory_are_refused(path: Path) -> None:
    path.write_bytes(struct.pack(">4I", 2051, 0, 2**32 - 1, 2**32 - 1))
    with pytest.raises(StageError, match="array is too big"):
        idx.read(path, 3)
