"""Stages by hand: the files and settings of each against its declarations, and its bytes."""

import json
import re
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import matplotlib
import pytest
import yaml
from matplotlib.font_manager import FontManager, json_dump

from tests.support import PIPELINE, ROOT, WINDOWS, Clone

SECTIONS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
STAGES = [stage for stage in PIPELINE if stage != "code"]


def outputs(stage: str) -> list[str]:
    """Return the names of the outputs, with or without options."""
    entries = [
        entry for kind in ("outs", "metrics", "plots") for entry in PIPELINE[stage].get(kind, [])
    ]
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def settings(stage: str) -> set[str]:
    """Return the names of the settings, each key of a section where it is declared as a whole."""
    names = (name.partition(".") for name in PIPELINE[stage].get("params", []))
    return {
        f"{section}.{key}"
        for section, _, one in names
        for key in ([one] if one else SECTIONS[section])
    }


def declared(names: Iterable[str], declarations: Iterable[str]) -> set[str]:
    """Return the names, and for those in a declared folder the folder."""
    folders = {name: PurePosixPath(name).parent.as_posix() for name in names}
    return {folder if folder in declarations else name for name, folder in folders.items()}


def set_another_environment(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Imitate another machine: its processor, threads, locale, Matplotlib's settings and fonts."""
    (folder / "matplotlibrc").write_text("font.size: 30\nfigure.facecolor: red\n", "utf-8")
    manager = FontManager()
    mono = str(Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSansMono.ttf"))
    manager.ttflist = [replace(entry, fname=mono) for entry in manager.ttflist]
    json_dump(manager, str(folder / f"fontlist-v{FontManager.__version__}.json"))
    patch.delenv("OPENBLAS_CORETYPE", raising=False)
    for name, value in {
        "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL",
        "OPENBLAS_NUM_THREADS": "2",
        "OMP_NUM_THREADS": "3",
        "TZ": "Asia/Tokyo",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "7",
        "MPLBACKEND": "nonsense",
        "MPLCONFIGDIR": str(folder),
        "MATPLOTLIBRC": str(folder),
    }.items():
        patch.setenv(name, value)


def is_link(path: Path) -> bool:
    return path.is_symlink() or path.stat().st_nlink > 1


@pytest.fixture
def linked(clone: Clone) -> Clone:
    """A clone whose outputs are links into DVC's cache."""
    clone.dvc("config", "cache.type", "hardlink")
    clone.dvc("checkout", "--relink")
    assert (clone.root / "data/predictions.npz").stat().st_nlink == 2
    if not WINDOWS:  # where symbolic links need a privilege
        clone.dvc("config", "cache.type", "symlink")
        clone.dvc("checkout", "--relink", "data/weights.npz", "data/processed")
        assert (clone.root / "data/weights.npz").is_symlink()
        assert (clone.root / "data/processed/test_images.npy").is_symlink()
    return clone


def test_each_stage_uses_what_it_declares_and_writes_the_same_bytes_in_another_environment(
    linked: Clone, finished: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = linked
    set_another_environment(monkeypatch, tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(clone.root))
    report = tmp_path / "report.json"
    printed = {}
    for stage in STAGES:
        done = clone.run(
            sys.executable, str(ROOT / "tests/audit.py"), f"stages.{stage}", str(report)
        )
        printed[stage] = done.stdout.splitlines()
        touched: Any = json.loads(report.read_bytes())
        deps = PIPELINE[stage]["deps"]
        record = f"data/code/{stage}.json"  # read for DVC alone, when the stage has ended
        used = settings(stage)
        assert set(touched["settings"]) == used, stage
        reads = {"params.yaml"} if used else set()
        assert declared(touched["read"], deps) | {record} == {*deps, *reads}, stage
        assert declared(touched["written"], outputs(stage)) == set(outputs(stage)), stage
        recorded = json.loads((clone.root / record).read_bytes())
        assert set(touched["packages"]) == set(recorded["packages"]), stage
    clone.run(sys.executable, "-m", "dvc_imports", "record")
    assert clone.outputs() == finished.outputs()
    # each file was replaced, so that none was written into the cache
    assert not any(is_link(clone.root / name) for name in clone.outputs())

    assert len(printed["train"]) == 3
    scores = r"train loss .*%, validation loss .*%"
    assert all(re.fullmatch(rf"epoch \d/3: {scores}", line) for line in printed["train"])
    [tested] = printed["evaluate"]
    assert re.fullmatch(r"test accuracy .*%, \d+ errors, loss .*\d", tested)
    [page] = printed["board"]
    assert page.startswith(f"{Path('plots/board.html')}: ")


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
