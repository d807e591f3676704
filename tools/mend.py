"""Remove the incomplete files of a killed DVC, so that it can run again.

DVC writes ``dvc.lock`` and its list of running commands in place. It refuses to start if it was
killed while writing, or if the id of a killed DVC now belongs to another process. It fails on the
empty folder of a run that was not yet recorded in its cache. None of these files is needed: the
results are in the cache. The exit code is 0 if something was removed, and 1 if nothing was.
"""

import json
import sys
from pathlib import Path
from typing import Any

import psutil
import yaml
from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from voluptuous import Invalid


def main() -> None:
    """Remove the files, and print their names."""
    mended = [path for path, check in CHECKS.items() if path.exists() and check(path)]
    mended += [path for path in RUNS.glob("*/*") if not any(path.iterdir())]
    for path in mended:
        path.rmdir() if path.is_dir() else path.unlink()
        print(f"removed {path}, left behind by a DVC that was killed")
    sys.exit(0 if mended else 1)


def is_no_lock(path: Path) -> bool:
    """Return whether DVC would refuse the file as its lock."""
    try:
        content: Any = yaml.safe_load(path.read_text())
        COMPILED_LOCKFILE_SCHEMA(content)
    except (yaml.YAMLError, ValueError, Invalid, RecursionError):
        return True
    return False


def is_abandoned(path: Path) -> bool:
    """Return whether the list of running commands is malformed, or names only ended ones."""
    try:
        content: Any = json.loads(path.read_bytes())
        commands = [command for several in content.get("read", {}).values() for command in several]
        commands += content.get("write", {}).values()
        ids = {int(command["pid"]) for command in commands}
    except (ValueError, AttributeError, TypeError, KeyError, RecursionError):  # not DVC's format
        return True
    running = sorted(filter(is_dvc, ids))
    if running:
        print(f"error: DVC is running here already, as process {running[0]}", file=sys.stderr)
    return bool(ids) and not running


def is_dvc(pid: int) -> bool:
    """Return whether the process is a DVC, and not another with the id of an ended one."""
    try:
        return any(Path(word).name == "dvc" for word in psutil.Process(pid).cmdline())
    except psutil.Error:
        return False


CHECKS = {Path("dvc.lock"): is_no_lock, Path(".dvc/tmp/rwlock"): is_abandoned}
RUNS = Path(".dvc/cache/runs")


if __name__ == "__main__":
    main()
