"""Writing files so that none is ever half-written under its final name.

A file is written under a temporary name and renamed when it is complete. An existing file, which
may be a link into DVC's cache, is replaced and never changed.
"""

import csv
import errno
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO


def partial(path: Path) -> Path:
    """Return the name that a file has until it is complete."""
    return path.with_name(f"{path.name}.partial")


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file that is renamed to ``path`` when the block ends without an error."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with partial(path).open("wb") as file:
            yield file
        partial(path).replace(path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # a failed write does not name its file
        partial(path).unlink(missing_ok=True)
        raise


def write_json(path: Path, content: Mapping[str, Any] | Sequence[str]) -> None:
    """Write ``content`` as indented JSON in UTF-8."""
    with replacing(path) as file:
        file.write((json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Write CSV in UTF-8, row by row as ``rows`` yields them."""
    with replacing(path) as file, io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
        table = csv.writer(text, lineterminator="\n")
        table.writerow(columns)
        text.flush()
        for row in rows:
            table.writerow(row)
            text.flush()


def rounded(figures: Mapping[str, float]) -> dict[str, float]:
    """Round to six decimals, more than are significant in a loss or an accuracy."""
    return {name: round(figure, 6) for name, figure in figures.items()}
