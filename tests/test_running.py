"""Running a stage: its expected failures, its end with DVC, and inputs that change meanwhile."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from stages.shared.errors import StageError, errors_as_lines

import numpy as np
import pytest

from tests.support import LONGEST_WAIT, PIPELINE, ROOT, TRACING

STAGES = sorted(PIPELINE.keys() - {"code"})

READ_AND_CHANGE = """
import os, shutil
from pathlib import Path
from stages.shared.running import changed_inputs, watch_opened_files
from stages.shared.settings import Plot, load

Path("before").open().close()
watch_opened_files()
outside = Path("../outside").resolve()
for name in ("kept", Path("folder/removed"), "edited", "code.pyc", outside):
    open(name).close()
Path("written").open("w").close()
os.close(os.open("both", os.O_RDWR))
load(Plot)
print(*changed_inputs())
Path("folder/removed").unlink()
for name in ("edited", "code.pyc", outside, "written", "both", "before"):
    Path(name).write_text("edited")
shutil.copy2("kept", "same")
print(*(path.name for path in changed_inputs()))
os.replace("same", "kept")
print(*(path.name for path in changed_inputs()))
file = Path("params.yaml")
text = file.read_text("utf-8")
for old, new in (("epochs: 35", "epochs: 36"), ("rows: 3", "rows: 4"), (text, "plot: [")):
    file.write_text(text.replace(old, new), "utf-8")
    print(file in changed_inputs())
"""
WATCH = f"""
import time
from stages.shared.running import end_with_dvc
end_with_dvc()
print("watching", flush=True)
time.sleep({LONGEST_WAIT})
print("still here")
"""
DVC = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {WATCH!r}])"


def interrupt() -> None:
    raise KeyboardInterrupt


def fail() -> None:
    raise StageError("data/file: is wrong")


def read_absent() -> None:
    Path("absent").read_bytes()


def ask_for_too_much() -> None:
    np.empty(2**50)


@pytest.mark.parametrize(
    ("main", "message"),
    [
        (fail, "error: data/file: is wrong"),
        (read_absent, "error: absent: No such file or directory"),
        (ask_for_too_much, "error: not enough memory: Unable to allocate"),
    ],
)
def test_an_expected_failure_is_a_line(main: Callable[[], None], message: str) -> None:
    with pytest.raises(SystemExit) as end, errors_as_lines():
        main()
    assert str(end.value.code).startswith(message)


def test_ctrl_c_is_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end, errors_as_lines():
        interrupt()
    assert end.value.code == 130
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_without_its_inputs_names_the_first(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end, errors_as_lines():
        import_module(f"stages.{stage}").main()
    place = str(end.value.code).replace("\\", "/")
    assert place.startswith(("error: params.yaml: ", "error: data/", "error: plots/"))


def test_help_prints_help_and_an_unknown_option_is_an_error() -> None:
    command = [sys.executable, "-m", "stages.train"]
    helped = subprocess.run([*command, "--help"], cwd=ROOT, capture_output=True, check=True)
    assert helped.stdout.startswith(b"usage: python -m stages.train [-h]")
    refused = subprocess.run([*command, "--fast"], cwd=ROOT, capture_output=True, check=False)
    assert refused.returncode == 2
    assert b"unrecognized arguments: --fast" in refused.stderr


def test_an_input_or_a_setting_in_use_that_changes_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    (folder / "folder").mkdir(parents=True)
    for name in ("kept", "folder/removed", "edited", "code.pyc", "../outside", "before", "both"):
        (folder / name).touch()
    shutil.copy(ROOT / "params.yaml", folder)
    done = subprocess.run(
        [sys.executable, "-c", READ_AND_CHANGE],
        cwd=folder,
        env=os.environ | TRACING | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    changed = ["", "edited removed", "edited removed kept", "False", "True", "True"]
    assert done.stdout.splitlines() == changed


def test_a_stage_ends_soon_after_its_parent() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", DVC],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout
    assert parent.stdout.readline() == "watching\n"
    parent.kill()
    assert parent.communicate()[0] == ""
