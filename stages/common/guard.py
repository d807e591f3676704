"""What ends a stage whose DVC is gone, before another run writes the same files."""

import os
import sys
import threading
import time

import psutil

SHELLS = {"sh", "dash", "bash", "zsh", "fish"}
POLL_SECONDS = 0.2
ORPHANED = 143
INIT = 1  # adopts what has lost its parent


def stop_without_dvc() -> None:
    """Let this process end soon after the DVC that started it, however that ended.

    A stage outlives a DVC that is killed outright, and would write on beside the next run.
    """
    ancestors = psutil.Process().parents()
    dvc = next((process for process in ancestors if process.name() not in SHELLS), None)
    if dvc is None or (dvc.pid == INIT and not any("dvc" in word for word in dvc.cmdline())):
        sys.exit(ORPHANED)  # DVC has gone already
    threading.Thread(target=_wait_and_end, args=(dvc,), daemon=True).start()


def _wait_and_end(process: psutil.Process) -> None:
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        time.sleep(POLL_SECONDS)
    os._exit(ORPHANED)
