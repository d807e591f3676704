"""Read ``[tool.dvc-imports]`` in pyproject.toml, and find the project's folders."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

try:
    import tomllib
except ImportError:  # on Python 3.10; DVC brings tomlkit
    import tomlkit as tomllib  # type: ignore[no-redef]

LISTS = ("paths", "modules", "files", "exclude")
PACKAGING = ("pyproject.toml", "setup.cfg", "setup.py")
# folders that contain installed packages, never the project's own
INSTALLED = {"site-packages", "dist-packages"}
ITSELF = os.path.join(os.path.dirname(os.path.realpath(__file__)), "")

Lists = Mapping[str, tuple[str, ...]]


class CodeError(Exception):
    """The code cannot be read, or differs from its record; the message says how to go on."""


@dataclass(frozen=True)
class Settings:
    """Declarations for one stage; all paths are relative to the project's root."""

    paths: tuple[str, ...] = ()
    modules: tuple[str, ...] | None = None  # None: nothing is declared
    files: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def excludes(self, name: str) -> bool:
        """Return whether a path is, or lies in, one that is left out."""
        patterns = [pattern.rstrip("/") for pattern in self.exclude]
        return any(fnmatchcase(name, each) or fnmatchcase(name, f"{each}/*") for each in patterns)


@dataclass(frozen=True)
class Config:
    """The table ``[tool.dvc-imports]`` of a DVC project."""

    root: Path  # without symbolic links
    output: str = ".dvc-imports"  # folder of the records
    packages: Lists = field(default_factory=dict)  # distributions to record, by import name
    locks: tuple[str, ...] = ()
    everywhere: Lists = field(default_factory=dict)  # for all stages
    stages: Mapping[str, Lists] = field(default_factory=dict)  # by stage, template or pattern

    def for_stage(self, address: str) -> Settings:
        """Return the declarations for all stages and for this one."""
        merged = {**self.everywhere}
        for pattern, lists in self.stages.items():
            template = address.rpartition("@")[0]
            if fnmatchcase(address, pattern) or (template and fnmatchcase(template, pattern)):
                merged |= {key: (*merged.get(key, ()), *lists[key]) for key in lists}
        return Settings(**merged)

    @cached_property
    def top(self) -> Path:
        """The git repository's folder, in which the modules are the user's own."""
        folders = (self.root, *self.root.parents)
        return next((each for each in folders if (each / ".git").exists()), self.root)

    @cached_property
    def packaging(self) -> list[Path]:
        """The packaging files of the top folder and of the folders right below it."""
        below = sorted(each for each in self.top.iterdir() if each.name[0] != ".")
        files = [folder / name for folder in (self.top, *below) for name in PACKAGING]
        return [*filter(os.path.isfile, files)]

    def name(self, path: str | Path) -> str:
        """Return a path relative to the root, with ``/`` on every system."""
        try:
            return Path(os.path.relpath(path, self.root)).as_posix()
        except ValueError:  # another drive of Windows
            return Path(path).as_posix()


def is_installed(path: str | Path) -> bool:
    """Return whether a file belongs to installed packages, by the names of its folders."""
    return not INSTALLED.isdisjoint(Path(path).parts)


def find_root(*starts: Path) -> Path:
    """Return the DVC project's folder: the nearest with ``.dvc``, at or above a start."""
    for folder in [each for start in starts for each in (start, *start.parents)]:
        if (folder / ".dvc").is_dir():
            return Path(os.path.realpath(folder))
    raise CodeError(f"{starts[-1]}: not in a DVC project; no folder at or above it contains .dvc")


def read_config(root: Path) -> Config:
    """Read the table of a project; an unknown key or a wrong type is a CodeError."""
    table = dict(read_toml(root / "pyproject.toml").get("tool", {}).get("dvc-imports", {}))
    where = f"{root / 'pyproject.toml'}: tool.dvc-imports"
    output = table.pop("output", Config.output)
    if not isinstance(output, str):
        raise CodeError(f"{where}.output: must be a folder's name")
    packages = _lists(table.pop("packages", {}), f"{where}.packages")
    stages = {
        name: _lists(lists, f"{where}.stages.{name}", LISTS)
        for name, lists in _table(table.pop("stages", {}), f"{where}.stages").items()
    }
    everywhere = _lists(table, where, (*LISTS, "locks"))
    locks = everywhere.pop("locks", ())
    return Config(root, Path(str(output)).as_posix(), packages, locks, everywhere, stages)


def _table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise CodeError(f"{where}: must be a table")
    return value


def _lists(value: Any, where: str, keys: tuple[str, ...] = ()) -> dict[str, tuple[str, ...]]:
    """Return a table of lists, after a check that it is one and contains no other key."""
    for key, items in _table(value, where).items():
        if keys and key not in keys:
            raise CodeError(f"{where}: unknown key {key!r}; must be one of {', '.join(keys)}")
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise CodeError(f"{where}.{key}: must be a list of strings")
    # tomlkit's strings are no plain ones, which pathlib of Python 3.10 refuses
    return {key: tuple(map(str, items)) for key, items in value.items()}


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; one that does not exist is empty."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:  # both libraries' errors are ValueErrors
        raise CodeError(f"{path}: not valid TOML: {error}") from None
