"""Reading JSON, CSV, ``.npy`` and ``.npz`` files, any of which may be malformed.

The libraries raise errors of many types for malformed files. Here each becomes a ``StageError``
that names the file, except an ``OSError``, which names it already.
"""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

from stages.running.errors import StageError

import numpy as np
from numpy.typing import NDArray

START = b"\x93NUMPY\x01"  # of the .npy format, version 1
# NumPy writes 118 characters. From 6000 nested signs on, Python's parser raises a MemoryError.
HEADER_CHARACTERS = 1000


@contextmanager
def expecting(path: Path, kind: str) -> Iterator[None]:
    """Convert each error of the block to a ``StageError``: the file is not of that kind."""
    try:
        yield
    except (StageError, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.filename:
            raise
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise StageError(f"{path}: not {kind}: {reason[:200]}") from None


def read_json(path: Path) -> Any:
    """Read a JSON file in UTF-8."""
    with expecting(path, "valid JSON"):
        return json.loads(path.read_bytes())


def read_table(
    path: Path, columns: Mapping[str, Callable[[str], Any]]
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a CSV file in UTF-8, each with the named columns in that order.

    Parameters
    ----------
    columns : for the name of each column, the function that converts its text, and raises
        ``ValueError`` if the text is wrong
    """
    with expecting(path, "valid CSV"), path.open(encoding="utf-8", newline="") as file:
        table = csv.reader(file, strict=True)
        header = next(table, [])
        if missing := [name for name in columns if name not in header]:
            raise StageError(f"{path}: must have a column {missing[0]}, has {', '.join(header)}")
        places = [header.index(name) for name in columns]
        for row in table:
            if len(row) != len(header):
                raise ValueError(f"line {table.line_num}: must have {len(header)} fields")
            try:
                yield tuple(
                    convert(row[place])
                    for place, convert in zip(places, columns.values(), strict=True)
                )
            except ValueError as error:
                raise ValueError(f"line {table.line_num}: {error}") from None


def number(low: float, high: float, kind: Callable[[str], float] = float) -> Callable[[str], float]:
    """Return a function for ``read_table`` that converts text to a number in [low, high]."""

    def convert(text: str) -> float:
        value = kind(text)
        if not low <= value <= high:
            raise ValueError(f"must be in [{low:g}, {high:g}], is {text[:40]}")
        return value

    return convert


def optional(convert: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a function for ``read_table`` that converts an empty field to None."""
    return lambda text: convert(text) if text else None


def read_npy(path: Path) -> NDArray[Any]:
    """Read an array, memory-mapped, without unpickling."""
    with expecting(path, "a valid .npy file"):
        with path.open("rb") as file:
            # NumPy reads other formats, too, in which a header may take 4 GiB.
            if file.read(len(START)) != START:
                raise ValueError(f"must begin with {START!r}")
        return np.asarray(np.load(path, "r", allow_pickle=False, max_header_size=HEADER_CHARACTERS))


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Read all arrays of an archive and check their checksums, without unpickling.

    The members must be uncompressed, as ``np.savez`` writes them. Then no more memory is taken
    than the file has bytes, whatever the sizes that its headers state.
    """
    with expecting(path, "a valid .npz archive"), ZipFile(path) as archive:
        members = archive.infolist()
        if any(member.compress_type != ZIP_STORED for member in members):
            raise ValueError("must hold its arrays uncompressed")
        if sum(member.compress_size for member in members) > path.stat().st_size:
            raise ValueError("must not state larger arrays than it holds")
        return {
            member.filename.removesuffix(".npy"): _array(archive.read(member)) for member in members
        }


def _array(content: bytes) -> NDArray[Any]:
    """Return the array of a ``.npy`` file's content, which it shares."""
    if not content.startswith(START):
        raise ValueError(f"an array must begin with {START!r}")
    file = BytesIO(content)
    np.lib.format.read_magic(file)
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file, HEADER_CHARACTERS)
    array = np.frombuffer(content, dtype, offset=file.tell())
    return array.reshape(shape, order="F" if fortran else "C")
