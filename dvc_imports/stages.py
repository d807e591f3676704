"""Read the stages of every dvc.yaml with DVC's own resolver."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvc.dvcfile import ProjectFile
from dvc.exceptions import DvcException
from dvc.repo import Repo

from dvc_imports.config import CodeError


@dataclass(frozen=True)
class Stage:
    """A stage, with all templates and variables resolved."""

    address: str  # as DVC prints it in the project's root: train, sub/dvc.yaml:train@a
    file: Path  # the dvc.yaml
    wdir: Path  # the folder of the commands
    commands: tuple[str, ...] = ()
    deps: tuple[str, ...] = ()  # absolute paths, without remote files
    outs: tuple[str, ...] = ()
    always_changed: bool = False
    error: str = ""  # why DVC cannot resolve the stage

    @property
    def entry(self) -> str:
        """The key in ``stages:`` of the file; the same for all stages of a template."""
        return self.address.rpartition(":")[2].partition("@")[0]

    @property
    def record(self) -> str:
        """The path of the stage's record in the folder of records."""
        folder, _, name = self.address.rpartition("dvc.yaml:")
        # characters that some file system refuses, as %3A
        name = re.sub(r'[<>:"/\\|?*%]', lambda found: f"%{ord(found[0]):02X}", name)
        return f"{folder}{name}.json"


class Pipelines:
    """All pipelines of the DVC project around the current folder."""

    def __init__(self) -> None:
        try:
            self._repo = Repo(uninitialized=True)
        except DvcException as error:
            raise CodeError(str(error)) from None
        self.root = Path(os.path.realpath(self._repo.root_dir))
        files = [*self._files()]
        if not files:
            raise CodeError(f"{self.root}: contains no dvc.yaml: must be a DVC project")
        self.stages = [stage for path in files for stage in self._read(path)]

    def covers(self, paths: tuple[str, ...], path: str | Path) -> bool:
        """Return whether a path is one of some, or lies in a folder and is hashed with it.

        DVC does not hash a file that .dvcignore names as part of a folder.
        """
        path = str(path)
        inside = any(path.startswith(each.rstrip(os.sep) + os.sep) for each in paths)
        return path in paths or (inside and not self._repo.dvcignore.is_ignored_file(path))

    def _files(self) -> Iterator[Path]:
        """Yield the paths of the files that DVC reads."""
        repo = self._repo
        for folder, folders, files in repo.dvcignore.walk(repo.fs, str(self.root)):
            folders[:] = sorted(
                each for each in folders if not repo.scm.is_ignored(os.path.join(folder, each, ""))
            )
            path = os.path.join(folder, "dvc.yaml")
            if "dvc.yaml" in files and not repo.scm.is_ignored(path):
                yield Path(path)

    def _read(self, file: Path) -> Iterator[Stage]:
        name = file.relative_to(self.root).as_posix()
        prefix = "" if name == "dvc.yaml" else f"{name}:"

        def unreadable(address: str, error: Exception) -> Stage:
            return Stage(address, file, file.parent, error=" ".join(str(error).split()))

        try:
            definitions = ProjectFile(self._repo, str(file)).resolver.definitions
        except (DvcException, OSError) as error:
            yield unreadable(name, error)
            return
        for entry, definition in definitions.items():
            is_template = hasattr(definition, "resolve_all")
            try:
                resolved = definition.resolve_all() if is_template else definition.resolve()
                for name, data in (resolved or {}).items():
                    yield _stage(prefix + name, file, data)
            except DvcException as error:
                yield unreadable(prefix + entry, error)


def _stage(address: str, file: Path, data: dict[str, Any]) -> Stage:
    commands = data.get("cmd") or []
    wdir = Path(os.path.normpath(file.parent / data.get("wdir", ".")))

    def local(*keys: str) -> tuple[str, ...]:
        entries = [each for key in keys for each in data.get(key) or ()]
        names = [next(iter(each)) if isinstance(each, dict) else each for each in entries]
        return tuple(os.path.normpath(wdir / name) for name in names if "://" not in name)

    return Stage(
        address,
        file,
        wdir,
        tuple(commands if isinstance(commands, list) else [commands]),
        local("deps"),
        local("outs", "metrics", "plots"),
        bool(data.get("always_changed")),
    )
