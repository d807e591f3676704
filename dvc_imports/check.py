"""Find the modules that a stage imports and no dependency covers."""

from dataclasses import dataclass, field
from pathlib import Path

from dvc_imports.closure import Project
from dvc_imports.config import Config
from dvc_imports.stages import Pipelines, Stage


@dataclass
class Report:
    """The findings of ``check`` in one stage; paths are relative to the project's root."""

    stage: Stage
    modules: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unresolved: list[str] = field(default_factory=list)


def check(pipelines: Pipelines, project: Project) -> list[Report]:
    """Compare the code of each stage with its dependencies.

    For a stage that depends on its record, these are the dependencies of the stage that writes the
    records, which must name the locks and the settings, too.
    """
    config, covers = project.config, pipelines.covers
    output = config.root / config.output
    settings = ["pyproject.toml"] if config != Config(config.root) else []
    writer = next((each for each in pipelines.stages if covers(each.outs, output)), None)
    reports = {stage.address: Report(stage) for stage in pipelines.stages}

    def require(owner: Stage, *paths: str | Path) -> None:
        """Report the first path, unless a dependency covers one of them."""
        missing, name = reports[owner.address].missing, config.name(paths[0])
        if name not in missing and not any(covers(owner.deps, each) for each in paths):
            missing.append(name)

    for stage in pipelines.stages:
        closure, owner = project.closure(stage), stage
        if writer and covers(stage.deps, output / stage.record):
            owner = writer
            for name in (*config.locks, *settings):
                require(writer, config.root / name)
        for real, path in closure.modules.items():
            require(owner, path, real)
        report = reports[stage.address]
        report.modules = sorted(map(config.name, closure.modules))
        report.unresolved = [stage.error] if stage.error else closure.problems
    if writer and writer.always_changed:
        reports[writer.address].missing.clear()
    for report in reports.values():
        report.missing.sort()
    return [*reports.values()]
