"""Run a stage, by hand or under DVC.

DVC records a stage's code and inputs as they are when the stage has ended. So a stage that DVC has
started ends in an error if its code, a file that it has read or a setting was changed meanwhile.
It also ends soon after a killed DVC, before another run writes the same files.

The stages' records of code leave this module out, because it changes no result.
"""

import argparse
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from stages.shared.errors import StageError, errors_as_lines

import psutil

from dvc_imports import CodeError, verify

SHELLS = {"sh", "dash", "bash", "zsh", "fish", "cmd", "powershell", "pwsh"}
POLL_SECONDS = 0.2
ORPHANED = 143
INIT = 1  # parent of every process that has lost its own

_parts: dict[str, list[tuple[object, Callable[[], object]]]] = {}


def run(main: Callable[[], None]) -> None:
    """Run a stage; an expected failure is a line, and an exit code other than 0."""
    module: Any = sys.modules["__main__"]
    name = f"python -m {module.__spec__.name}"
    argparse.ArgumentParser(prog=name, description=module.__doc__).parse_args()
    with errors_as_lines():
        if "DVC_STAGE" in os.environ:
            run_under_dvc(main)
        else:
            main()


def run_under_dvc(main: Callable[[], None]) -> None:
    """Run a stage whose results DVC will record together with its code and its inputs.

    Raises
    ------
    StageError
        if the code or an input is not the one that DVC will record
    """
    end_with_dvc()
    inputs = Inputs()
    main()
    if changed := inputs.changed():
        raise StageError(
            "\n".join(f"{path}: changed while the stage ran; run it again" for path in changed)
        )
    try:
        verify()
    except CodeError as error:
        raise StageError(str(error)) from None


def end_with_dvc() -> None:
    """Watch the DVC process that started this one, and exit soon after it has ended."""
    ancestors = psutil.Process().parents()
    if sys.platform == "win32" and sys.prefix != sys.base_prefix:
        del ancestors[:1]  # the launcher of the virtual environment
    dvc = next((each for each in ancestors if _name(each) not in SHELLS), None)
    if dvc is None or (dvc.pid == INIT and not any("dvc" in word for word in dvc.cmdline())):
        sys.exit(ORPHANED)  # DVC has ended already
    threading.Thread(target=_exit_after, args=(dvc,), daemon=True).start()


def _name(process: psutil.Process) -> str:
    return process.name().lower().removesuffix(".exe")


def _exit_after(process: psutil.Process) -> None:
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        time.sleep(POLL_SECONDS)
    os._exit(ORPHANED)


def use_part(path: Path, value: object, read: Callable[[], object]) -> None:
    """Register a part of a file that the stage uses: ``Inputs`` compares the parts alone.

    Parameters
    ----------
    value : the part as the stage uses it
    read : returns the part as the file now contains it
    """
    _parts.setdefault(str(path), []).append((value, read))


class Version(NamedTuple):
    """Distinguishes a file from the same file saved again."""

    inode: int
    size: int
    modified: int


class Inputs:
    """The files in the current folder that this process opens for reading, without modules.

    Files opened before the object was created are not included.
    """

    def __init__(self) -> None:
        self._folder = Path.cwd()
        self._read: dict[str, Version | None] = {}
        sys.addaudithook(self._listen)

    def changed(self) -> list[str]:
        """Return the files that were written, replaced or removed since they were opened."""
        saved = [path for path, version in self._read.items() if _version(path) != version]
        return sorted(
            path
            for path in saved
            if path not in _parts or any(_is_other(*part) for part in _parts[path])
        )

    def _listen(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, str | Path) and not flags & (os.O_WRONLY | os.O_RDWR):
                file = Path(path).absolute()
                if file.is_relative_to(self._folder) and file.suffix not in (".py", ".pyc"):
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
    except StageError:  # the file can no longer be read
        return True
