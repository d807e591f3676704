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
from typing import Any

from stages.shared.errors import StageError, errors_as_lines
from stages.shared.inputs import changed_inputs

import psutil

from dvc_imports import CodeError, verify

SHELLS = {"sh", "dash", "bash", "zsh", "fish", "cmd", "powershell", "pwsh"}
POLL_SECONDS = 0.2
ORPHANED = 143
INIT = 1  # parent of every process that has lost its own


def run(main: Callable[[], None]) -> None:
    """Run a stage; an expected failure is a line, and an exit code other than 0."""
    module: Any = sys.modules["__main__"]
    name = f"python -m {module.__spec__.name}"
    with errors_as_lines():
        argparse.ArgumentParser(prog=name, description=module.__doc__).parse_args()
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
    main()
    if changed := changed_inputs():
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
    dvc = next((each for each in ancestors if Path(each.name().lower()).stem not in SHELLS), None)
    if dvc is None or (dvc.pid == INIT and not any("dvc" in word for word in dvc.cmdline())):
        sys.exit(ORPHANED)  # DVC has ended already
    threading.Thread(target=_exit_after, args=(dvc,), daemon=True).start()


def _exit_after(process: psutil.Process) -> None:
    try:
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(POLL_SECONDS)
    finally:
        os._exit(ORPHANED)
