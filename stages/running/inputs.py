"""Notice that a data file or a setting has changed while a stage ran on it.

DVC hashes the inputs of a stage when the stage has ended, and would record an edit made in the
meantime as the input that the results came from. Modules are inputs of the stage ``code`` alone:
for the others ``code_key`` proves them.
"""

import os
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NamedTuple

_PARTS: dict[str, list[tuple[object, Callable[[], object]]]] = {}


def use_part(path: Path, value: object, read: Callable[[], object]) -> None:
    """Compare only parts of a file: the value of one, and a function that reads it again."""
    _PARTS.setdefault(str(path), []).append((value, read))


class Version(NamedTuple):
    """Distinguishes a file from the same file saved again."""

    inode: int
    size: int
    modified: int


class Inputs:
    """The files below the current folder that the process opens for reading from now on.

    Parameters
    ----------
    ignored : suffixes of the files that are no inputs
    """

    def __init__(self, ignored: Collection[str] = ()) -> None:
        self._ignored = ignored
        self._folder = Path.cwd()
        self._read: dict[str, Version | None] = {}
        sys.addaudithook(self._listen)

    def changed(self) -> list[str]:
        """Return the files that were written, replaced or removed since they were opened."""
        saved = [path for path, version in self._read.items() if _version(path) != version]
        return sorted(
            path
            for path in saved
            if path not in _PARTS or any(_is_other(*part) for part in _PARTS[path])
        )

    def _listen(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, str | Path) and not flags & (os.O_WRONLY | os.O_RDWR):
                file = Path(path).absolute()
                if file.is_relative_to(self._folder) and file.suffix not in self._ignored:
                    name = str(file.relative_to(self._folder))
                    self._read.setdefault(name, _version(path))


def _version(path: str | Path) -> Version | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return Version(status.st_ino, status.st_size, status.st_mtime_ns)


def _is_other(value: object, read: Callable[[], object]) -> bool:
    try:
        return read() != value
    except Exception:  # the file is unreadable by now
        return True
