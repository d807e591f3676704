"""Exit when the parent DVC process dies, before another run writes the same files.

Without this, a stage would outlive a DVC that is killed with SIGKILL, and continue to write.
"""

import os
import sys
import threading
import time

import psutil

SHELLS = {"sh", "dash", "bash", "zsh", "fish"}
POLL_SECONDS = 0.2
ORPHANED = 143
INIT = 1  # the parent of every process that has lost its own


def exit_with_dvc() -> None:
    """Watch the DVC process that started this one, and exit soon after it has ended."""
    ancestors = psutil.Process().parents()
    dvc = next((process for process in ancestors if process.name() not in SHELLS), None)
    if dvc is None or (dvc.pid == INIT and not any("dvc" in word for word in dvc.cmdline())):
        sys.exit(ORPHANED)  # DVC has ended already
    threading.Thread(target=_exit_after, args=(dvc,), daemon=True).start()


def _exit_after(process: psutil.Process) -> None:
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        time.sleep(POLL_SECONDS)
    os._exit(ORPHANED)
