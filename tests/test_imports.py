"""Imports between the project's packages go in one direction: tools, stages, network."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = {path.parent.name for path in ROOT.glob("*/__init__.py")}


def imported(package: str) -> set[str]:
    """Return the modules that a package imports, with ``a.b`` for ``from a import b``."""
    names: set[str] = set()
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: a relative import"
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


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
    assert {name.partition(".")[0] for name in imported(package)} & OURS == allowed


def test_no_tool_imports_a_stage() -> None:
    stages = {f"stages.{path.stem}" for path in (ROOT / "stages").glob("[!_]*.py")}
    assert not any(name.startswith(tuple(stages)) for name in imported("tools"))
