"""The table of changes and the stages that each reruns, in docs/pipeline.md."""

import json
import re
import shutil
from typing import Any

import pytest

from tests.support import PIPELINE, ROOT, Clone

# other values of the settings that change a result
VALUES: dict[str, Any] = {
    "preprocess.seed": 1,
    "preprocess.validation_size": 60,
    "model.hidden": "[20, 32]",
    "model.dropout": "[0.2, 0]",
    "train.learning_rate": 0.03,
    "augment.rotation": 10,
    "plot.seed": 1,
}
MODULES = [
    path.relative_to(ROOT).as_posix()
    for folder in ("network", "stages")
    for path in sorted((ROOT / folder).rglob("*.py"))
]


def table() -> list[tuple[list[str], bool, list[str]]]:
    """Read the table: the names that change, whether they are code, and the stages that rerun."""
    section = (ROOT / "docs/pipeline.md").read_text("utf-8").partition("## Reruns")[2]
    rows = re.findall(r"^\| (.*?) +\| (.*?) +\|$", section.partition("\n## ")[0], re.MULTILINE)[2:]
    return [
        (
            MODULES if change.startswith("any module") else re.findall(r"`(.+?)`", change),
            "a line of code" in change,
            re.findall(r"`(.+?)`", reruns),
        )
        for change, reruns in rows
    ]


def test_the_whole_table_is_read() -> None:
    changed = {name for names, _, _ in table() for name in names}
    assert {*VALUES, *MODULES} <= changed
    assert len(table()) >= 10
    assert {stage for _, _, stages in table() for stage in stages} == set(PIPELINE)


def change(clone: Clone, name: str, code: bool) -> None:
    """Change a setting, a line of code, or nothing but layout, comments and a docstring."""
    if name in VALUES:
        clone.set(**{name: VALUES[name]})
    elif name == "download.source":
        shutil.copytree(clone.root / "data/raw", clone.root / "copy")
        clone.set(**{name: "copy"})
    elif code:
        clone.append(name, "\nEDITED = True\n")
    elif name.endswith(".py"):
        text = (clone.root / name).read_text("utf-8")
        text = text.replace('"""', '"""Edited. ', 1).replace(
            "\nimport ", "\n\n# edited\nimport ", 1
        )
        (clone.root / name).write_text(f"{text}\n\n# edited\n", "utf-8")
    else:
        clone.append(name, "\n# edited\n")


@pytest.mark.parametrize(
    ("names", "code", "stages"), table(), ids=[f"{names[:3]}" for names, _, _ in table()]
)
def test_a_change_reruns_the_stages_of_the_table(
    clone: Clone, names: list[str], code: bool, stages: list[str]
) -> None:
    for name in names:
        change(clone, name, code)
    if VALUES.keys() & {*names}:
        # DVC names the stages that it would run: those of a setting, and all that follow
        stale = json.loads(clone.dvc("status", "--json"))
        [changes] = stale[stages[0]]
        changed = changes["changed deps"]["params.yaml"]
        assert all(name in changed or name.partition(".")[0] in changed for name in names)
        reruns = clone.repro("--dry", "--force", "--downstream", *stale)
        assert sorted(reruns) == sorted(stages)
    else:
        reruns = clone.repro("train")
        stale = json.loads(clone.dvc("status", "--json"))  # the pictures need not be drawn
        assert [*reruns, *stale] == stages
