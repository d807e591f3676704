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
    entry : key in ``stages:`` of the file; the same for all stages of a template
    wdir : the folder in which the commands run, and to which dependencies are relative
    deps, outs : paths as the stage names them
    error : why DVC cannot resolve the stage; empty if it can
    """

    address: str
    file: Path
    entry: str
    wdir: Path
    commands: tuple[str, ...] = ()
    deps: tuple[str, ...] = ()
    outs: tuple[str, ...] = ()
    always_changed: bool = False
    error: str = ""

    @property
    def record(self) -> str:
        """The path of the stage's record in the folder of records."""
        folder, _, name = self.address.rpartition("dvc.yaml:")
        return f"{folder}{file_name(name)}.json"

    def paths(self, names: tuple[str, ...]) -> list[str]:
        """Return the absolute paths of dependencies or outputs that are local files."""
        return [os.path.normpath(self.wdir / name) for name in names if "://" not in name]


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
        self.stages = [stage for path in self._files() for stage in self._read(path)]

    def is_hashed(self, path: str) -> bool:
        """Return whether DVC hashes a file as part of a folder: .dvcignore does not name it."""
        return not self._repo.dvcignore.is_ignored_file(path)

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
        try:
            definitions = ProjectFile(self._repo, path).resolver.definitions
        except (DvcException, OSError) as error:
            yield Stage(name, file, "", file.parent, error=_line(error))
            return
        for entry, definition in definitions.items():
            try:
                generated = getattr(definition, "get_generated_names", lambda: [None])()
            except DvcException as error:
                yield Stage(prefix + entry, file, entry, file.parent, error=_line(error))
                continue
            for each in generated:
                address = prefix + (each or entry)
                try:
                    if each is None:
                        data = definition.resolve()[entry]
                    else:
                        data = definition.resolve_one(each[len(entry) + 1 :])[each]
                except DvcException as error:
                    yield Stage(address, file, entry, file.parent, error=_line(error))
                    continue
                yield _stage(address, file, entry, data)


def _stage(address: str, file: Path, entry: str, data: dict[str, Any]) -> Stage:
    commands = data.get("cmd") or []
    keys = ("outs", "metrics", "plots")
    return Stage(
        address,
        file,
        entry,
        Path(os.path.normpath(file.parent / data.get("wdir", "."))),
        tuple([*commands] if isinstance(commands, list) else str(commands).splitlines()),
        _names(data.get("deps")),
        tuple(name for key in keys for name in _names(data.get(key))),
        bool(data.get("always_changed")),
    )


def _names(values: Any) -> tuple[str, ...]:
    """Return the paths in a list of paths, some of which may have options."""
    names = [next(iter(each)) if isinstance(each, dict) else each for each in values or ()]
    return tuple(str(name) for name in names)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
