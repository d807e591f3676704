"""The files that a stage has opened, and those of them that changed since."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT

READ = """
import os, shutil, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from stages.running.inputs import Inputs, use_part
Path("before").open().close()
inputs = Inputs(ignored=(".pyc",))
outside = Path("../outside").resolve()
for name in ("kept", Path("folder/removed"), "edited", "code.pyc", outside, "part", "before"):
    open(name).close()
Path("written").open("w").close()
os.close(os.open("both", os.O_RDWR))
use_part(Path("part"), 1, lambda: {part})
print(*inputs.changed(), sep=",")
Path("folder/removed").unlink()
for name in ("edited", "code.pyc", outside, "part", "written", "both"):
    Path(name).write_text("edited")
shutil.copy2("kept", "same")
print(*inputs.changed(), sep=",")
os.replace("same", "kept")
print(*inputs.changed(), sep=",")
"""

READ_SECTION = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from stages.running.inputs import Inputs
from stages.settings.plot import Plot
from stages.settings.section import load
file = Path("params.yaml")
text = file.read_text()
inputs = Inputs()
load("plot", Plot)
for old, new in (("epochs: 35", "epochs: 36"), ("rows: 3", "rows: 4"), (text, "plot: [")):
    file.write_text(text.replace(old, new))
    print(*inputs.changed())
"""


def output(script: str, folder: Path) -> list[str]:
    """Run a script in a folder, and return the lines that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("part", "others"), [("1", ""), ("2", ",part"), ("1 / 0", ",part"), ("None", ",part")]
)
def test_an_input_that_changes_is_named(part: str, others: str, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    (folder / "folder").mkdir(parents=True)
    for name in ("kept", "folder/removed", "edited", "code.pyc", "../outside", "part", "before"):
        (folder / name).touch()
    (folder / "both").touch()
    changed = f"edited,folder/removed{others}"
    assert output(READ.format(root=str(ROOT), part=part), folder) == [
        "",
        changed,
        changed.replace("folder/removed", "folder/removed,kept"),
    ]


def test_of_the_settings_only_those_used_are_an_input(tmp_path: Path) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    lines = output(READ_SECTION.format(root=str(ROOT)), tmp_path)
    assert lines == ["", "params.yaml", "params.yaml"]
