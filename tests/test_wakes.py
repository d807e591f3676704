"""The README's table of changes and the stages that each wakes."""

import json
import re
import shutil
from typing import Any

import pytest

from tests.support import ROOT, Clone

VALUES: dict[str, Any] = {
    "download.source": "copy",
    "preprocess.seed": 1,
    "preprocess.validation_size": 60,
    "model.hidden": "[20, 32]",
    "model.dropout": "[0.2, 0]",
    "train.learning_rate": 0.03,
    "plot.seed": 1,
}


def table() -> list[tuple[list[str], list[str]]]:
    """Read the table: what is changed, and the stages that it says then run."""
    section = (ROOT / "README.md").read_text().partition("## What a change wakes")[2]
    rows = re.findall(r"^\| (.*?) +\| (.*?) +\|$", section.partition("\n## ")[0], re.MULTILINE)[2:]
    return [(re.findall(r"`(.+?)`", change), re.findall(r"`(.+?)`", wake)) for change, wake in rows]


def test_table_is_read_whole() -> None:
    changed = {name for names, _ in table() for name in names}
    assert set(VALUES) <= changed
    assert len(table()) >= 12


@pytest.mark.parametrize(("changes", "wake"), table(), ids=str)
def test_a_change_wakes_what_the_table_says(
    clone: Clone, changes: list[str], wake: list[str]
) -> None:
    shutil.copytree(clone.root / "data/raw", clone.root / VALUES["download.source"])
    for name in changes:
        if (clone.root / name).is_file():
            with (clone.root / name).open("a") as file:
                file.write("\n# changed\n")
        else:
            clone.set(**{name: VALUES[name]})
    woken = set(json.loads(clone.dvc("status", "--json")))
    assert clone.repro() == wake
    assert woken <= set(wake)
    assert bool(woken) == bool(wake)
    assert clone.repro() == []
