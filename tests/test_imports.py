"""Imports between the project's packages go in one direction: tools, stages, network."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STAGES = {path.stem for path in (ROOT / "stages").glob("[!_]*.py")}


def imports(package: str) -> Iterator[tuple[str, str]]:
    """Yield (importing file, imported name), with ``a.b`` for ``from a import b``."""
    for path in sorted((ROOT / package).rglob("*.py")):
        file = path.relative_to(ROOT)
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield str(file), alias.name
            elif isinstance(node, ast.ImportFrom):
                outer = file.parts[: len(file.parts) - node.level] if node.level else ()
                inner = [node.module] if node.module else []
                for alias in node.names:
                    yield str(file), ".".join([*outer, *inner, alias.name])


def packages_of_ours() -> set[str]:
    return {path.parent.name for path in ROOT.glob("*/__init__.py")}


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
    found = list(imports(package))
    assert any(name.startswith(f"{package}.") for _, name in found)
    forbidden = packages_of_ours() - allowed
    assert forbidden >= {"tests", "benchmarks"}
    assert [each for each in found if each[1].partition(".")[0] in forbidden] == []


def test_no_tool_imports_a_stage() -> None:
    assert {"download", "preprocess", "train", "evaluate"} <= STAGES
    found = [(file, name.split(".")) for file, name in imports("tools")]
    assert any(parts[0] == "stages" for _, parts in found)
    assert [(f, p) for f, p in found if p[0] == "stages" and p[1:2] and p[1] in STAGES] == []
