"""The files and settings that a stage has read, compared at its end with those of that moment."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from stages.shared.errors import StageError

T = TypeVar("T")

_inputs: list[tuple[Path, object, Callable[[], object]]] = []


def watch(path: Path, read: Callable[[], T]) -> T:
    """Return the result of a function that reads a file, and register it for ``changed_inputs``."""
    value = read()
    _inputs.append((path, value, read))
    return value


def changed_inputs() -> list[Path]:
    """Return the files of which a watched part has changed or can no longer be read."""
    return sorted({path for path, value, read in _inputs if _is_other(value, read)})


def _is_other(value: object, read: Callable[[], object]) -> bool:
    try:
        return read() != value
    except (OSError, StageError):
        return True
