"""Notice that a data file or a setting has changed while a stage ran on it.

DVC hashes the inputs of a stage when the stage has ended, and would record an edit made in the
meantime as the input that the results came from. The modules of a stage are proven by ``code_key``;
they are inputs of the stage ``code`` alone.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

_PARTS: dict[str, tuple[object, Callable[[], object]]] = {}


def use_part(path: Path, value: object, read: Callable[[], object]) -> None:
    """Compare only a part of a file: its value, and a function that reads it again."""
    _PARTS[str(path)] = value, read


class Version(NamedTuple):
    """Distinguishes a file from the same file saved again."""

    inode: int
    size: int
    modified: int


class Inputs:
    """The files below the current folder that the process opens for reading from now on.

    Parameters
    ----------
    modules : whether Python's modules count
    """

    def __init__(self, *, modules: bool) -> None:
        self._folder = Path.cwd()
        self._left_out = () if modules else (".py", ".pyc")
        self._read: dict[str, Version | None] = {}
        sys.addaudithook(self._listen)

    def changed(self) -> list[str]:
        """Return the files that were written, replaced or removed since they were opened."""
        saved = [path for path, version in self._read.items() if _version(path) != version]
        return sorted(path for path in saved if path not in _PARTS or _is_other(*_PARTS[path]))

    def _listen(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, str | Path) and not flags & (os.O_WRONLY | os.O_RDWR):
                file = Path(path).absolute()
                if file.is_relative_to(self._folder) and file.suffix not in self._left_out:
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
