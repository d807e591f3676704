"""Write one file for each stage: fingerprints of its modules, and versions of its packages."""

import json
import os
import re
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import Any

from dvc_imports.closure import Closure, Project
from dvc_imports.commands import Commands
from dvc_imports.config import CodeError, Config, normalized, read_toml
from dvc_imports.fingerprint import PARSE_ERRORS, file_fingerprint
from dvc_imports.source import Source, state
from dvc_imports.stages import Stage


class Codes:
    """The code of stages."""

    def __init__(self, config: Config) -> None:
        self.config, self.project = config, Project(config)
        self._commands = Commands(config.top)
        self._sources: dict[Path, Source] = {}

    @cache  # noqa: B019 - lives as long as the program
    def closure(self, stage: Stage) -> Closure:
        """Follow the imports of a stage's commands."""
        self._commands.problems.clear()
        runs = [run for text in stage.commands for run in self._commands.read(text, stage.wdir)]
        closure = self.project.follow(runs, self.config.for_stage(stage.address))
        closure.problems[:0] = self._commands.problems
        self._sources |= {source.path: source for source in closure.modules.values() if source}
        return closure

    def record(self, stage: Stage) -> dict[str, Any] | None:
        """Return the record of a stage, or None if it runs no Python of the project.

        Raises
        ------
        CodeError
            if a module cannot be read, or a package is not installed as locked
        """
        closure = self.closure(stage)
        if not closure.modules:
            return None
        name = self.config.name
        modules = {
            name(path): source.fingerprint
            if source and path.endswith((".py", ".ipynb"))
            else _hash(Path(path))
            for path, source in closure.modules.items()
        }
        files = [
            path
            for pattern in self.config.for_stage(stage.address).files
            for path in _files(self.config.root, pattern)
        ]
        return {
            "stage": stage.address,
            "runs": sorted({*closure.runs}),
            "modules": dict(sorted(modules.items())),
            "files": {name(path): _hash(path) for path in sorted({*files})},
            "packages": self.versions(closure.external),
        }

    def assert_unchanged(self) -> None:
        """Raise an error if a module has changed since it was read.

        DVC hashes the modules after they were recorded, and would take the edit for recorded.
        """
        for path, source in self._sources.items():
            if not path.exists() or state(path) != source.state:
                raise CodeError(
                    f"{self.config.name(path)}: changed while it was recorded; run it again"
                )

    def versions(self, imported: set[str]) -> dict[str, str]:
        """Return the installed versions of the configured packages that are imported."""
        table = self._packages()
        names = {name for each in imported for name in table.get(each, ())}
        versions = {name: installed(name) for name in sorted(names)}
        for lock in self.config.locks:
            locked = _read_lock(self.config.root / lock)
            for name, number in versions.items():
                expected = locked.get(normalized(name), set())
                if expected and number not in expected:
                    raise CodeError(
                        f"{lock}: names {name} {' or '.join(sorted(expected))}, but {number} is"
                        " installed; install the lock first"
                    )
        return versions

    @cache  # noqa: B019
    def _packages(self) -> dict[str, tuple[str, ...]]:
        """Return the distributions to record, by import name."""
        if isinstance(self.config.packages, dict):
            return self.config.packages
        wanted, table = self.config.packages, {}
        for imported, distributions in packages_distributions().items() if wanted else ():
            plain = {*map(normalized, distributions)}
            if imported in wanted or plain & {*map(normalized, wanted)}:
                table[imported] = tuple(sorted(plain))
        found = {*table, *(each for names in table.values() for each in names)}
        for name in wanted:
            plain_name = normalized(name)
            # Python 3.10 does not find what every distribution lets import
            if not found & {name, plain_name} and _is_installed(name):
                table[name] = (plain_name,)
        return table


def write_records(codes: Codes, stages: list[Stage]) -> tuple[list[str], list[str]]:
    """Write the records of all stages, and remove those of stages that no longer exist.

    A stage whose code cannot be followed gets no record, so that DVC stops before it alone.

    Returns
    -------
    addresses of the recorded stages, and a message for each that has no record

    Raises
    ------
    CodeError
        if a package or a file is not as it must be for all, or a module changes meanwhile
    """
    folder, written, problems = codes.config.root / codes.config.output, {}, []
    for stage in stages:
        reasons = [stage.error] if stage.error else codes.closure(stage).problems
        if reasons:
            problems.append(f"{stage.address}: no record: {reasons[0]}")
            continue
        record = codes.record(stage)
        if record is not None:
            path = folder / stage.record
            if str(path).casefold() in written:
                raise CodeError(f"{path}: is the record of two stages on some file systems")
            written[str(path).casefold()] = stage.address
            content = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(f"{path.name}.partial")
            partial.write_text(content, encoding="utf-8", newline="\n")
            os.replace(partial, path)
    for path in folder.rglob("*.json"):
        if str(path).casefold() not in written and _is_record(path):
            path.unlink()
    codes.assert_unchanged()
    return [*written.values()], problems


def _is_record(path: Path) -> bool:
    try:
        keys = {*json.loads(path.read_bytes())}
    except (OSError, ValueError, TypeError):
        return False
    return set(keys) >= {"stage", "runs", "modules", "packages"}


def installed(distribution: str) -> str:
    """Return the installed version.

    Raises
    ------
    CodeError
        if it is not installed
    """
    try:
        return version(distribution)
    except PackageNotFoundError:
        raise CodeError(f"{distribution}: is not installed") from None


def _is_installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


@cache
def _read_lock(path: Path) -> dict[str, set[str]]:
    """Return the versions in a lock, by distribution: uv's, poetry's and pdm's are TOML."""
    if not path.is_file():
        raise CodeError(f"{path}: no such lock; pyproject.toml names it")
    if path.suffix in {".lock", ".toml"}:
        pairs = [(each["name"], each.get("version")) for each in read_toml(path)["package"]]
    else:
        text = path.read_text(encoding="utf-8")
        pairs = re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?\s*==\s*([^\s;\\]+)", text, re.MULTILINE)
    locked: dict[str, set[str]] = {}
    for name, number in pairs:
        if number:
            locked.setdefault(normalized(name), set()).add(number)
    return locked


def _files(root: Path, pattern: str) -> list[Path]:
    found = [path for path in root.glob(pattern) if path.is_file()]
    found += [path for path in root.glob(f"{pattern}/**/*") if path.is_file()]
    if not found:
        raise CodeError(f"pyproject.toml: tool.dvc-imports.files: no file matches {pattern!r}")
    return found


@cache
def _hash(path: Path) -> str:
    try:
        return file_fingerprint(path)
    except (OSError, *PARSE_ERRORS) as error:
        raise CodeError(f"{path}: cannot be read: {error}") from None
