"""Read ``[tool.dvc-imports]`` in pyproject.toml, and find the project's folders."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

LISTS = ("paths", "modules", "files", "exclude")
# folders that contain installed packages, never the project's own
INSTALLED = ("site-packages", "dist-packages")


class CodeError(Exception):
    """The code cannot be read, or differs from its record; the message says how to go on."""


@dataclass(frozen=True)
class Settings:
    """Declarations for one stage; all paths are relative to the project's root."""

    paths: tuple[str, ...] = ()
    modules: tuple[str, ...] | None = None  # None: nothing is declared
    files: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True)
class Config:
    """The table ``[tool.dvc-imports]``.

    Attributes
    ----------
    root : folder of the DVC project, without symbolic links
    output : folder of the records
    packages : import names, with the distributions whose versions are recorded for each
    locks : lock files, with which the installed versions are compared
    """

    root: Path
    output: str = ".dvc-imports"
    packages: Mapping[str, tuple[str, ...]] | tuple[str, ...] = ()
    locks: tuple[str, ...] = ()
    everywhere: Settings = Settings()
    stages: Mapping[str, Settings] = field(default_factory=dict)

    def for_stage(self, address: str) -> Settings:
        """Return what is declared for all stages and for this one.

        A stage is named by its address, by the name of its template, or by a pattern.
        """
        names = (address, address.rpartition("@")[0])
        tables = [
            table
            for pattern, table in self.stages.items()
            if any(name and fnmatchcase(name, pattern) for name in names)
        ]
        merged: dict[str, Any] = {}
        for key in LISTS:
            lists = [getattr(each, key) for each in (self.everywhere, *tables)]
            if any(each is not None for each in lists):
                merged[key] = tuple(item for each in lists for item in each or ())
        return Settings(**merged)

    @cached_property
    def top(self) -> Path:
        """The git repository's folder, in which the modules are the user's own."""
        folders = (self.root, *self.root.parents)
        return next((each for each in folders if (each / ".git").exists()), self.root)

    def name(self, path: str | Path) -> str:
        """Return a path relative to the root, with ``/`` on every system."""
        try:
            return Path(os.path.relpath(path, self.root)).as_posix()
        except ValueError:  # another drive of Windows
            return Path(path).as_posix()


def is_excluded(name: str, exclude: tuple[str, ...]) -> bool:
    """Return whether a path relative to the root is, or lies in, one that is left out."""
    return any(
        fnmatchcase(name, pattern.rstrip("/")) or fnmatchcase(name, f"{pattern.rstrip('/')}/*")
        for pattern in exclude
    )


def is_installed(path: str | Path) -> bool:
    """Return whether a file belongs to installed packages, by the names of its folders."""
    return not {*INSTALLED}.isdisjoint(Path(path).parts)


def find_root(*starts: Path) -> Path:
    """Return the DVC project's folder: the nearest with ``.dvc``, at or above a start.

    Raises
    ------
    CodeError
        if there is none
    """
    for folder in [each for start in starts for each in (start, *start.parents)]:
        if (folder / ".dvc").is_dir():
            return folder
    raise CodeError(f"{starts[-1]}: not in a DVC project; no folder at or above it contains .dvc")


def read_config(root: Path) -> Config:
    """Read the table of a project.

    Raises
    ------
    CodeError
        if pyproject.toml is not valid, or the table has an unknown key or a wrong type
    """
    where = f"{root / 'pyproject.toml'}: tool.dvc-imports"
    table = dict(read_toml(root / "pyproject.toml").get("tool", {}).get("dvc-imports", {}))
    unknown = table.keys() - {"output", "packages", "locks", "stages", *LISTS}
    if unknown:
        raise CodeError(f"{where}: unknown key {min(unknown)!r}")
    output = table.get("output", Config.output)
    if not isinstance(output, str):
        raise CodeError(f"{where}.output: must be a folder's name")
    packages = table.get("packages", [])
    if isinstance(packages, dict):
        packages = {key: _strings(packages, key, f"{where}.packages") for key in packages}
    else:
        packages = _strings(table, "packages", where)
    return Config(
        root=root,
        output=Path(output).as_posix(),
        packages=packages,
        locks=_strings(table, "locks", where) or (),
        everywhere=_settings(table, where),
        stages={
            name: _settings(each, f"{where}.stages.{name}", only=True)
            for name, each in table.get("stages", {}).items()
        },
    )


def _settings(table: Any, where: str, only: bool = False) -> Settings:
    if not isinstance(table, dict) or (only and table.keys() - {*LISTS}):
        raise CodeError(f"{where}: must be a table with keys of {', '.join(LISTS)}")
    return Settings(**{key: _strings(table, key, where) for key in LISTS if key in table})


def _strings(table: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise CodeError(f"{where}.{key}: must be a list of strings")
    return tuple(value)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; one that does not exist is empty.

    Raises
    ------
    CodeError
        if it is not valid
    """
    try:
        text = path.read_text(encoding="utf-8")
        try:
            import tomllib  # noqa: PLC0415 - of Python 3.11 and later
        except ImportError:  # DVC brings tomlkit
            import tomlkit  # noqa: PLC0415

            return dict(tomlkit.parse(text).unwrap())
        return tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:  # both libraries' errors are ValueErrors
        raise CodeError(f"{path}: not valid TOML: {error}") from None


def normalized(distribution: str) -> str:
    """Return a distribution's name as the packaging standards compare it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()
