"""Find the modules that a stage imports and no dependency covers."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from dvc_imports.config import Config
from dvc_imports.record import Codes
from dvc_imports.stages import Pipelines, Stage


@dataclass
class Report:
    """What ``check`` found in one stage; paths are relative to the project's root."""

    stage: Stage
    modules: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unresolved: list[str] = field(default_factory=list)


def check(pipelines: Pipelines, codes: Codes) -> list[Report]:
    """Compare the code of each stage with its dependencies.

    A stage that depends on its record is compared with the dependencies of the stage that writes
    the records, which must name the locks, too.
    """
    config = codes.config
    output = config.root / config.output
    reports = {stage.address: Report(stage) for stage in pipelines.stages}
    writer = next((each for each in pipelines.stages if _covers(each, each.outs, output)), None)
    followed = False
    for stage in pipelines.stages:
        report = reports[stage.address]
        closure = codes.closure(stage)
        report.modules = sorted(map(config.name, closure.modules))
        report.unresolved = [stage.error] if stage.error else closure.problems
        owner = stage
        if writer and _covers(stage, stage.deps, output / stage.record):
            owner, followed = writer, True
        for path, names in closure.seen.items():
            if not any(
                _covers(owner, owner.deps, Path(each), pipelines) for each in [*names, path]
            ):
                _miss(reports[owner.address], config.name(min(names)))
    if writer and followed:
        named = [*config.locks, *(["pyproject.toml"] if _configured(config) else [])]
        for name in named:
            if not _covers(writer, writer.deps, config.root / name, pipelines):
                _miss(reports[writer.address], name)
        if writer.always_changed:
            reports[writer.address].missing.clear()
    for report in reports.values():
        report.missing.sort()
    return [*reports.values()]


def _miss(report: Report, name: str) -> None:
    if name not in report.missing:
        report.missing.append(name)


def _configured(config: Config) -> bool:
    return config != Config(config.root)


def _covers(
    stage: Stage, names: tuple[str, ...], path: Path, pipelines: Pipelines | None = None
) -> bool:
    """Return whether a path is one of a stage's, or lies in a folder and is hashed with it."""
    for each in stage.paths(names):
        if str(path) == each:
            return True
        inside = str(path).startswith(each.rstrip(os.sep) + os.sep)
        if inside and (pipelines is None or pipelines.is_hashed(str(path))):
            return True
    return False
