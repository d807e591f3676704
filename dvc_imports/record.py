"""Write one file for each stage: fingerprints of its modules, and versions of its packages."""

import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from dvc_imports.closure import Project
from dvc_imports.config import CodeError, Config, read_toml
from dvc_imports.source import state
from dvc_imports.stages import Stage
from dvc_imports.verify import installed_version, read_record


def write_records(project: Project, stages: list[Stage]) -> tuple[list[str], list[str]]:
    """Write the records of all stages, and remove those of stages that no longer exist.

    Return the addresses of the recorded stages, and a message for each stage whose code cannot be
    followed: it gets no record, so that DVC stops before it alone.
    """
    folder = project.config.root / project.config.output
    written: dict[str, str] = {}
    problems = []
    for stage in stages:
        reasons = [stage.error] if stage.error else project.closure(stage).problems
        if reasons:
            problems.append(f"{stage.address}: no record: {reasons[0]}")
        elif content := record(project, stage):
            path = folder / stage.record
            if str(path).casefold() in written:
                raise CodeError(f"{path}: is the record of two stages on some file systems")
            written[str(path).casefold()] = stage.address
            path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
            path.write_text(text, encoding="utf-8", newline="\n")
    for path in folder.rglob("*.json"):
        if str(path).casefold() not in written and read_record(path):
            path.unlink()
    for source in project.sources.values():
        # DVC hashes the modules after they were recorded, and would take an edit for recorded
        if not source.path.exists() or state(source.path) != source.state:
            name = project.config.name(source.path)
            raise CodeError(f"{name}: changed while it was recorded; run it again")
    return [*written.values()], problems


def record(project: Project, stage: Stage) -> dict[str, Any]:
    """Return the record of a stage; empty if it runs no Python of the project."""
    closure, config = project.closure(stage), project.config
    if not closure.modules:
        return {}
    patterns = config.for_stage(stage.address).files
    files = {path for pattern in patterns for path in _files(config.root, pattern)}

    def hashes(paths: Iterable[str | Path]) -> dict[str, str]:
        return {config.name(path): project.fingerprint(Path(path)) for path in sorted(paths)}

    return {
        "stage": stage.address,
        "runs": sorted({*closure.runs}),
        "modules": hashes(closure.modules),
        "files": hashes(files),
        "packages": _versions(config, closure.external),
    }


def _versions(config: Config, imported: set[str]) -> dict[str, str]:
    """Return the installed versions of the configured packages that are imported."""
    names = {name for each in imported for name in config.packages.get(each, ())}
    versions = {name: installed_version(name) for name in sorted(names)}
    for lock in config.locks:
        locked = _read_lock(config.root / lock)
        for name, number in versions.items():
            expected = locked.get(_normalized(name), set())
            if expected and number not in expected:
                raise CodeError(
                    f"{lock}: names {name} {' or '.join(sorted(expected))}, but {number} is"
                    " installed; install the lock first"
                )
    return versions


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
            locked.setdefault(_normalized(name), set()).add(number)
    return locked


def _normalized(distribution: str) -> str:
    """Return a distribution's name as the packaging standards compare it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _files(root: Path, pattern: str) -> list[Path]:
    found = [*root.glob(pattern), *root.glob(f"{pattern}/**/*")]
    files = [path for path in found if path.is_file()]
    if not files:
        raise CodeError(f"pyproject.toml: tool.dvc-imports.files: no file matches {pattern!r}")
    return files
