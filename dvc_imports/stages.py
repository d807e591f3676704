"""Read the stages of every dvc.yaml with DVC's own resolver."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvc_imports.config import CodeError


@dataclass(frozen=True)
class Stage:
    """A stage, with all templates and variables resolved.

    Attributes
    ----------
    address : name as DVC prints it in the project's root: ``train``, ``sub/dvc.yaml:train@a``
    file : the dvc.yaml
    wdir : the folder in which the commands run, and to which dependencies are relative
    deps, outs : absolute paths of those that are local files
    error : why DVC cannot resolve the stage; empty if it can
    """

    address: str
    file: Path
    wdir: Path
    commands: tuple[str, ...] = ()
    deps: tuple[str, ...] = ()
    outs: tuple[str, ...] = ()
    always_changed: bool = False
    error: str = ""

    @property
    def entry(self) -> str:
        """The key in ``stages:`` of the file; the same for all stages of a template."""
        return self.address.rpartition(":")[2].partition("@")[0]

    @property
    def record(self) -> str:
        """The path of the stage's record in the folder of records."""
        folder, _, name = self.address.rpartition("dvc.yaml:")
        return f"{folder}{file_name(name)}.json"


def file_name(name: str) -> str:
    """Return a stage's name with the characters that no file system accepts written as ``%3A``."""
    unsafe = '<>:"/\\|?*%'
    return "".join(f"%{ord(each):02X}" if each in unsafe else each for each in name)


class Pipelines:
    """All pipelines of the DVC project around the current folder.

    Raises
    ------
    CodeError
        if there is none
    """

    def __init__(self) -> None:
        from dvc.exceptions import DvcException  # noqa: PLC0415 - slow
        from dvc.repo import Repo  # noqa: PLC0415

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

    def _files(self) -> Iterator[str]:
        """Yield the paths of the files that DVC reads."""
        repo = self._repo
        for folder, folders, files in repo.dvcignore.walk(repo.fs, str(self.root)):
            folders[:] = sorted(
                each for each in folders if not repo.scm.is_ignored(os.path.join(folder, each, ""))
            )
            path = os.path.join(folder, "dvc.yaml")
            if "dvc.yaml" in files and not repo.scm.is_ignored(path):
                yield path

    def _read(self, path: str) -> Iterator[Stage]:
        from dvc.dvcfile import ProjectFile  # noqa: PLC0415
        from dvc.exceptions import DvcException  # noqa: PLC0415

        file = Path(path)
        name = file.relative_to(self.root).as_posix()
        prefix = "" if name == "dvc.yaml" else f"{name}:"

        def unreadable(address: str, error: Exception) -> Stage:
            return Stage(address, file, file.parent, error=" ".join(str(error).split()))

        try:
            resolver = ProjectFile(self._repo, path).resolver
        except (DvcException, OSError) as error:
            yield unreadable(name, error)
            return
        for entry, definition in resolver.definitions.items():
            try:
                names = getattr(definition, "get_generated_names", lambda entry=entry: [entry])()
            except DvcException as error:
                yield unreadable(prefix + entry, error)
                continue
            for each in names:
                try:
                    yield _stage(prefix + each, file, resolver.resolve_one(each)[each])
                except DvcException as error:
                    yield unreadable(prefix + each, error)


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
