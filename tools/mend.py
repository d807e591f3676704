"""Remove what a killed DVC has left half-written, so that it can run again.

DVC writes ``dvc.lock`` and its list of running commands in place, and refuses to start when it
was killed in the midst. Neither holds what could not be had again: results are in the cache.
Ends with 0 if something was removed, and with 1 if there was nothing to mend.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml
from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from voluptuous import Invalid


def main() -> None:
    """Remove the files that are damaged, and say so."""
    mended = [path for path, damaged in CHECKS.items() if path.exists() and damaged(path)]
    for path in mended:
        path.unlink()
        print(f"removed {path}, which a DVC that was killed had left half-written")
    sys.exit(0 if mended else 1)


def is_no_lock(path: Path) -> bool:
    """Tell whether DVC would refuse the file as its lock."""
    try:
        content: Any = yaml.safe_load(path.read_text())
        COMPILED_LOCKFILE_SCHEMA(content)
    except (yaml.YAMLError, UnicodeDecodeError, Invalid):
        return True
    return False


def is_no_json(path: Path) -> bool:
    """Tell whether the file is cut off."""
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return True
    return False


CHECKS = {Path("dvc.lock"): is_no_lock, Path(".dvc/tmp/rwlock"): is_no_json}


if __name__ == "__main__":
    main()
