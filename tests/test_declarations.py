"""The declarations in dvc.yaml against the files and settings that each stage uses, both ways."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import PIPELINE, ROOT, Clone

SECTIONS = yaml.safe_load((ROOT / "params.yaml").read_text())
STAGES = [stage for stage in PIPELINE if stage != "code"]
# modules that cannot change a result; pyproject.toml leaves them out
WATCHING = {f"stages/running/{name}.py" for name in ("inputs", "parent", "runner")}


@pytest.fixture
def touched(clone: Clone, stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    report = tmp_path / "report.json"
    monkeypatch.setenv("PYTHONPATH", str(clone.root))
    clone.run(sys.executable, str(ROOT / "tests/audit.py"), f"stages.{stage}", str(report))
    return json.loads(report.read_bytes())


def outputs(stage: str) -> set[str]:
    """Return the names of the outputs, with or without options."""
    entries = [
        entry for kind in ("outs", "metrics", "plots") for entry in PIPELINE[stage].get(kind, [])
    ]
    return {entry if isinstance(entry, str) else next(iter(entry)) for entry in entries}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_declares_exactly_the_files_and_settings_that_it_uses(
    stage: str, touched: Any, finished: Clone
) -> None:
    declared = PIPELINE[stage]
    record = f"data/code/{stage}.json"  # read for DVC alone, when the stage has ended
    used = {
        f"{section}.{key}"
        for section, _, one in (name.partition(".") for name in declared.get("params", []))
        for key in ([one] if one else SECTIONS[section])
    }
    assert set(touched["settings"]) == used
    reads = {"params.yaml"} if used else set()
    assert {*touched["read"], record} == {*declared["deps"], *reads}
    assert set(touched["written"]) == outputs(stage)
    recorded = json.loads((finished.root / record).read_bytes())
    assert set(touched["packages"]) == set(recorded["packages"])


def test_the_dependencies_of_code_cover_every_module(finished: Clone) -> None:
    assert finished.run(sys.executable, "-m", "dvc_imports", "check").returncode == 0
    assert outputs("code") == {"data/code"}


def test_only_code_names_modules_and_locks() -> None:
    names = {name for stage in STAGES for name in PIPELINE[stage]["deps"]}
    assert all(name.startswith(("board/", "data/", "plots/")) for name in names)


def test_every_stage_is_a_module_and_every_module_a_stage() -> None:
    modules = {path.stem for path in (ROOT / "stages").glob("*.py")}
    assert set(STAGES) == modules - {"__init__", "stages"}
    assert all(PIPELINE[name]["cmd"] == f"python -m stages.{name}" for name in STAGES)


def test_every_module_belongs_to_a_stage(finished: Clone) -> None:
    modules = {
        str(path.relative_to(ROOT))
        for folder in ("network", "stages")
        for path in (ROOT / folder).rglob("*.py")
    }
    records = (finished.root / "data/code").glob("*.json")
    recorded = {name for record in records for name in json.loads(record.read_bytes())["modules"]}
    assert modules - {"stages/stages.py"} - WATCHING == recorded
