"""What dvc.yaml declares of each stage against what the stage does, both ways."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import PIPELINE, ROOT, Clone

SECTIONS = yaml.safe_load((ROOT / "params.yaml").read_text())

# The lock of the packages that can change a stage's bytes. Of the others, a download is known by
# its checksum, and pydantic, PyYAML and tqdm compute nothing that is written.
LOCKS = {
    (): set(),
    ("numpy",): {"requirements/compute.txt"},
    ("matplotlib", "numpy"): {"requirements/plot.txt"},
}

# What a user runs beside the pipeline.
COMMANDS = {"stages/predict.py", "stages/common/centering.py"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, finished: Clone) -> Clone:
    return finished.copy(tmp_path_factory.mktemp("audit") / "clone")


def names(entries: list[Any]) -> set[str]:
    """Name the outputs, whether they have options or not."""
    return {name for entry in entries for name in ([entry] if isinstance(entry, str) else entry)}


@pytest.mark.parametrize("stage", PIPELINE)
def test_a_stage_declares_what_it_touches_and_no_more(
    stage: str, project: Clone, tmp_path: Path
) -> None:
    declared = PIPELINE[stage]
    report = tmp_path / "report.json"
    project.run(sys.executable, str(ROOT / "tests/audit.py"), f"stages.{stage}", str(report))
    touched = json.loads(report.read_text())

    used = {
        f"{section}.{key}"
        for section, _, key in (name.partition(".") for name in declared.get("params", []))
        for key in ([key] if key else SECTIONS[section])
    }
    assert set(touched["parameters"]) == used
    reads = {"params.yaml"} if used else set()
    locks = LOCKS[tuple(touched["packages"])]
    assert set(touched["read"]) | locks == set(declared["deps"]) | reads
    outputs = [*declared.get("outs", []), *declared.get("metrics", []), *declared.get("plots", [])]
    assert set(touched["written"]) == names(outputs)


def test_every_stage_is_a_module_and_every_module_a_stage() -> None:
    modules = {path.stem for path in (ROOT / "stages").glob("*.py")}
    assert set(PIPELINE) == modules - {"__init__", "predict"}
    assert all(PIPELINE[name]["cmd"] == f"python -m stages.{name}" for name in PIPELINE)


def test_every_module_is_some_stages() -> None:
    modules = {
        str(path.relative_to(ROOT))
        for folder in ("network", "stages")
        for path in (ROOT / folder).rglob("*.py")
    }
    declared = {name for stage in PIPELINE.values() for name in stage["deps"]}
    assert modules - COMMANDS <= declared
    assert not COMMANDS & declared
