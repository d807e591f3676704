"""Remove what a killed DVC has left, so that it can run again.

DVC writes ``dvc.lock`` and its list of running commands in place, and refuses to start when it
was killed in the midst, or when another process has got the id of one that was; and it stumbles
over the empty folder of a run that it was about to note in its cache. None of these holds what
could not be had again: results are in the cache.
Ends with 0 if something was removed, and with 1 if there was nothing to mend.
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
    """Remove what is in DVC's way, and say so."""
    mended = [path for path, check in CHECKS.items() if path.exists() and check(path)]
    mended += [path for path in RUNS.glob("*/*") if not any(path.iterdir())]
    for path in mended:
        path.rmdir() if path.is_dir() else path.unlink()
        print(f"removed {path}, which a DVC that was killed had left behind")
    sys.exit(0 if mended else 1)


def is_no_lock(path: Path) -> bool:
    """Tell whether DVC would refuse the file as its lock."""
    try:
        content: Any = yaml.safe_load(path.read_text())
        COMPILED_LOCKFILE_SCHEMA(content)
    except (yaml.YAMLError, UnicodeDecodeError, Invalid):
        return True
    return False


def is_abandoned(path: Path) -> bool:
    """Tell whether the list of running commands is cut off, or names none that runs."""
    try:
        content: Any = json.loads(path.read_bytes())
    except ValueError:
        return True
    commands = [command for several in content.get("read", {}).values() for command in several]
    commands += content.get("write", {}).values()
    ids = {command["pid"] for command in commands}
    running = sorted(filter(is_dvc, ids))
    if running:
        print(f"error: DVC is at work here already, as process {running[0]}", file=sys.stderr)
    return bool(ids) and not running


def is_dvc(pid: int) -> bool:
    """Tell whether the process is a DVC, and not another that has got its id."""
    try:
        return any(Path(word).name == "dvc" for word in psutil.Process(pid).cmdline())
    except psutil.Error:
        return False


CHECKS = {Path("dvc.lock"): is_no_lock, Path(".dvc/tmp/rwlock"): is_abandoned}
RUNS = Path(".dvc/cache/runs")


if __name__ == "__main__":
    main()
