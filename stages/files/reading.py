"""Reading JSON, CSV, ``.npy`` and ``.npz`` files, any of which may be malformed.

The libraries raise errors of many types for malformed files. Here each becomes a ``StageError``
that names the file, except an ``OSError``, which names it already.
"""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from stages.running.errors import StageError

import numpy as np
from numpy.typing import NDArray


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
            _check_start(file, b"\x93NUMPY\x01")
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Read all arrays of an archive and check their checksums, without unpickling."""
    with expecting(path, "a valid .npz archive"), path.open("rb") as file:
        _check_start(file, b"PK")
        with np.load(file, allow_pickle=False) as archive:
            arrays = dict(archive)
        for name, array in arrays.items():
            if not isinstance(array, np.ndarray):  # a member without the start of an array
                raise TypeError(f"{name} is no array")
        return arrays


def _check_start(file: BinaryIO, mark: bytes) -> None:
    """Check the first bytes: NumPy reads other formats, too, in which a header may take 4 GiB."""
    if file.read(len(mark)) != mark:
        raise ValueError(f"must begin with {mark!r}")
    file.seek(0)
