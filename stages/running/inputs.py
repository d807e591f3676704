"""Detect a data file or a setting that changed while a stage ran.

DVC hashes the inputs of a stage when the stage has ended. It would record an edit made in the
meantime as the input of the results. ``dvc_imports`` checks the modules.
"""

import os
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NamedTuple

_PARTS: dict[str, list[tuple[object, Callable[[], object]]]] = {}


def use_part(path: Path, value: object, read: Callable[[], object]) -> None:
    """Register a part of a file, of which only registered parts are compared.

    Parameters
    ----------
    value : the part as the stage uses it
    read : returns the part as the file now holds it
    """
    _PARTS.setdefault(str(path), []).append((value, read))


class Version(NamedTuple):
    """Distinguishes a file from the same file saved again."""

    inode: int
    size: int
    modified: int


class Inputs:
    """The files in the current folder that this process opens for reading.

    Files opened before the object was created are not included.

    Parameters
    ----------
    ignored : suffixes of files that are not inputs
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
    except Exception:  # the file is no longer readable
        return True
