"""DVC in a process of its own; where processes can fork, one has imported DVC and forks for each.

This module imports little, because each such process imports it.
"""

import multiprocessing
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

FORKS = sys.platform != "win32"
PROCESSES: Any = multiprocessing.get_context("forkserver" if FORKS else "spawn")
if FORKS:
    PROCESSES.set_forkserver_preload(
        [
            *("configobj", "dulwich.ignore", "dulwich.worktree", "dvc.cachemgr", "dvc.cli.parser"),
            *("dvc.compare", "dvc.data_cloud", "dvc.dirs", "dvc.repo.artifacts"),
            *("dvc.repo.datasets", "dvc.repo.experiments.run", "dvc.repo.graph"),
            *("dvc.repo.index", "dvc.repo.open_repo", "dvc.repo.plots", "dvc.repo.reproduce"),
            *("dvc.repo.stage", "dvc.repo.status", "dvc.rwlock", "dvc.stage.cache"),
            *("dvc.updater", "dvc.utils.strictyaml", "dvc_data.hashfile.db.local", "dvc_render"),
            *("fsspec.implementations.memory", "networkx", "rich.console", "ruamel.yaml"),
            "scmrepo.git",
        ]
    )


def run_dvc(arguments: Sequence[str], folder: Path) -> tuple[int, str, str]:
    """Run DVC in a folder, and return its exit code and the output of it and the stages."""
    with TemporaryDirectory() as temporary:
        files = [Path(temporary, name) for name in ("stdout", "stderr")]
        process = PROCESSES.Process(
            target=_be_dvc, args=(arguments, folder, dict(os.environ), files)
        )
        process.start()
        process.join()
        stdout, stderr = [file.read_text(encoding="utf-8") for file in files]
    return process.exitcode, stdout, stderr


def _be_dvc(
    arguments: Sequence[str], folder: Path, environment: dict[str, str], files: Sequence[Path]
) -> None:
    from dvc.cli import main  # noqa: PLC0415 - in the process that forks it is imported already

    sys.argv = ["dvc", *arguments]
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
    for descriptor, path in enumerate(files, start=1):
        os.dup2(os.open(path, flags), descriptor)
    sys.exit(main([*arguments]))
