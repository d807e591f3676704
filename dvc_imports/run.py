"""Run a command, and prove afterwards that it ran the code that is recorded."""

import os
import subprocess
import tempfile
from pathlib import Path

from dvc_imports.config import CodeError, find_root, read_config
from dvc_imports.verify import check_files, is_own

HOOK = Path(__file__).parent / "hook"


def run(command: list[str], stage: str | None) -> int:
    """Run a command, check the files that it and its child processes ran, return its exit code."""
    root = find_root(Path.cwd())
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        log.touch()
        path = os.pathsep.join(filter(None, [str(HOOK), os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "PYTHONPATH": path, "DVC_IMPORTS_LOG": str(log)}
        try:
            code = subprocess.run(command, env=environment, check=False).returncode
        except OSError as error:
            raise CodeError(f"{command[0]}: cannot be started: {error.strerror}") from None
        lines = os.fsdecode(log.read_bytes()).splitlines()
    if code:
        return code if code > 0 else 128 - code
    if not lines:
        raise CodeError("no Python took part that can be watched, so nothing is proven")
    files = [line for line in dict.fromkeys(lines) if line]
    main = next(filter(is_own, files), None)
    check_files(read_config(root), stage, [(Path(file).stem, file) for file in files], main)
    return 0
