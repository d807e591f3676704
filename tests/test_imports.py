"""Imports between the project's packages go in one direction: tools, stages, network."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = {path.parent.name for path in ROOT.glob("*/__init__.py")}


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("network", {"network"}),
        ("dvc_imports", {"dvc_imports"}),
        ("stages", {"dvc_imports", "network", "stages"}),
        ("tools", {"network", "stages", "tools"}),
    ],
)
def test_a_package_imports_no_other_of_ours(package: str, allowed: set[str]) -> None:
    imported: set[str] = set()
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: a relative import"
                imported.add(str(node.module))
    assert {name.partition(".")[0] for name in imported} & OURS == allowed
