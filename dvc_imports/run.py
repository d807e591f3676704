"""Run a command, and prove afterwards that it ran the code that is recorded."""

import os
import subprocess
import tempfile
from pathlib import Path

from dvc_imports.config import CodeError, find_root, read_config
from dvc_imports.verify import check_files, is_own

HOOK = Path(__file__).parent / "hook"


def run(command: list[str], stage: str | None) -> int:
    """Run a command with all its child processes, check what they ran, and return its exit code.

    Raises
    ------
    CodeError
        if the command cannot be started, no Python took part, or the code is not as recorded
    """
    root = Path(os.path.realpath(find_root(Path.cwd())))
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        log.touch()
        before = os.environ.get("PYTHONPATH")
        path = os.pathsep.join([str(HOOK), *([before] if before else [])])
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
    config = read_config(root)
    files = [line for line in dict.fromkeys(lines) if line]
    modules = [(Path(file).stem, file) for file in files]
    main = next((file for file in files if is_own(file)), None)
    check_files(config, stage, modules, main)
    return 0
