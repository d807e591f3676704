"""Noticing that a file has changed while a stage ran on it.

DVC notes what a stage depends on when the stage has ended, and would take what has been edited in
the meantime for what the results came from.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

_PARTS: dict[str, tuple[object, Callable[[], object]]] = {}


def use_part(path: Path, value: object, read: Callable[[], object]) -> None:
    """Say that of a file only this value matters, and how to read it again."""
    _PARTS[str(path)] = value, read


class Version(NamedTuple):
    """What tells a file from the same file saved anew."""

    inode: int
    size: int
    modified: int


class Inputs:
    """The files of this folder that the process has read, from its modules on, as they were."""

    def __init__(self) -> None:
        self._folder = f"{Path.cwd()}{os.sep}"
        self._read: dict[str, Version | None] = {}
        for module in list(sys.modules.values()):
            if getattr(module, "__file__", None):
                self._note(module.__file__)
        sys.addaudithook(self._listen)

    def changed(self) -> list[str]:
        """Name the files that are no longer as they were."""
        saved = [path for path, version in self._read.items() if _version(path) != version]
        return sorted(path for path in saved if path not in _PARTS or _is_another(*_PARTS[path]))

    def _listen(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if not flags & (os.O_WRONLY | os.O_RDWR):
                self._note(path)

    def _note(self, path: Any) -> None:
        if not isinstance(path, str | Path):
            return  # a descriptor of what has been opened before
        name = str(Path(path).absolute())
        if name.startswith(self._folder) and not name.startswith(sys.prefix):
            self._read.setdefault(name.removeprefix(self._folder), _version(path))


def _version(path: str | Path) -> Version | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return Version(status.st_ino, status.st_size, status.st_mtime_ns)


def _is_another(value: object, read: Callable[[], object]) -> bool:
    try:
        return read() != value
    except Exception:  # whatever makes the file unreadable by now
        return True
