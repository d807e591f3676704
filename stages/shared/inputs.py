"""What a stage has read, to be compared at its end with what DVC will record."""

from collections.abc import Callable
from pathlib import Path

from stages.shared.errors import StageError

_inputs: list[tuple[Path, object, Callable[[], object]]] = []


def watch(path: Path, value: object, read: Callable[[], object]) -> None:
    """Register what the stage has read of a file.

    Parameters
    ----------
    value : what the stage has read, which need not be all of the file
    read : reads it again
    """
    _inputs.append((path, value, read))


def changed_inputs() -> list[Path]:
    """Return the files of which a watched part has changed or can no longer be read."""
    return sorted({path for path, value, read in _inputs if _is_other(value, read)})


def _is_other(value: object, read: Callable[[], object]) -> bool:
    try:
        return read() != value
    except (OSError, StageError):
        return True
