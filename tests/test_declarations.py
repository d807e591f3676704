"""The declarations in dvc.yaml against the files and settings that each stage uses, both ways."""

import json
import sys
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

import pytest
import yaml

from tests.support import PIPELINE, ROOT, Clone

SECTIONS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
STAGES = [stage for stage in PIPELINE if stage != "code"]


def outputs(stage: str) -> list[str]:
    """Return the names of the outputs, with or without options."""
    entries = [
        entry for kind in ("outs", "metrics", "plots") for entry in PIPELINE[stage].get(kind, [])
    ]
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def declared(names: Iterable[str], declarations: Iterable[str]) -> set[str]:
    """Return the names, and for those in a declared folder the folder."""
    folders = {name: PurePosixPath(name).parent.as_posix() for name in names}
    return {folder if folder in declarations else name for name, folder in folders.items()}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_declares_exactly_the_files_and_settings_that_it_uses(
    stage: str, clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = clone.root / "report.json"
    monkeypatch.setenv("PYTHONPATH", str(clone.root))
    clone.run(sys.executable, str(ROOT / "tests/audit.py"), f"stages.{stage}", str(report))
    touched: Any = json.loads(report.read_bytes())
    deps = PIPELINE[stage]["deps"]
    record = f"data/code/{stage}.json"  # read for DVC alone, when the stage has ended
    used = {
        f"{section}.{key}"
        for section, _, one in (name.partition(".") for name in PIPELINE[stage].get("params", []))
        for key in ([one] if one else SECTIONS[section])
    }
    assert set(touched["settings"]) == used
    reads = {"params.yaml"} if used else set()
    assert declared(touched["read"], deps) | {record} == {*deps, *reads}
    assert declared(touched["written"], outputs(stage)) == set(outputs(stage))
    recorded = json.loads((clone.root / record).read_bytes())
    assert set(touched["packages"]) == set(recorded["packages"])


def test_only_code_names_modules_and_locks() -> None:
    names = {name for stage in STAGES for name in PIPELINE[stage]["deps"]}
    assert all(name == "board" or name.startswith(("data/", "plots/")) for name in names)


def test_every_stage_is_a_module_and_every_module_a_stage() -> None:
    modules = {path.stem for path in (ROOT / "stages").glob("*.py")}
    assert set(STAGES) == modules - {"__init__"}
    assert all(PIPELINE[name]["cmd"] == f"python -m stages.{name}" for name in STAGES)


def test_every_module_belongs_to_a_stage(finished: Clone) -> None:
    modules = {
        path.relative_to(ROOT).as_posix()
        for folder in ("network", "stages")
        for path in (ROOT / folder).rglob("*.py")
    }
    records = (finished.root / "data/code").glob("*.json")
    recorded = {name for record in records for name in json.loads(record.read_bytes())["modules"]}
    assert modules - {"stages/shared/running.py"} == recorded
