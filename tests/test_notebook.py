"""examples/by_hand.ipynb runs on the results of the pipeline, and is stored as text to compare."""

import json
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.support import Clone

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "examples/by_hand.ipynb"


def read() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]


def test_it_runs_and_draws(finished: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Execute the notebook as Jupyter does, in the folder examples/ of a project."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")  # the project is shared by tests
    for name in ("MPLBACKEND", "MATPLOTLIBRC"):  # which drawing sets in the process of the tests
        monkeypatch.delenv(name, raising=False)
    notebook = read()
    resources = {"metadata": {"path": str(finished.root / "examples")}}
    NotebookClient(notebook, timeout=300, resources=resources).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    text = "".join(output.get("text", "") for output in outputs)
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 8
    assert text.count("equal") == 14  # forward, softmax, and two checks of six gradients
    assert "False" not in text
    assert "epoch 10: validation accuracy" in text
    assert [output for output in outputs if output.get("name") == "stderr"] == []


def test_without_data_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])  # the first cell adds to it
    paths, _, data = [cell.source for cell in read().cells if cell.cell_type == "code"][:3]
    with pytest.raises(SystemExit, match=r"train_images\.npy is missing: run `dvc repro`"):
        exec(f"{paths}\n{data}", {})  # noqa: S102 - it is our own notebook


def test_it_is_stored_without_outputs_and_in_one_form() -> None:
    text = NOTEBOOK.read_text(encoding="utf-8")
    notebook = json.loads(text)
    nbformat.validate(notebook)
    assert text == json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
