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

READ_AND_CHANGE = f"""
import os, shutil, sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from stages.shared.running import Inputs
Path("before").open().close()
inputs = Inputs()
outside = Path("../outside").resolve()
for name in ("kept", Path("folder/removed"), "edited", "code.pyc", outside, "before"):
    open(name).close()
Path("written").open("w").close()
os.close(os.open("both", os.O_RDWR))
print(*inputs.changed())
Path("folder/removed").unlink()
for name in ("edited", "code.pyc", outside, "written", "both"):
    Path(name).write_text("edited")
shutil.copy2("kept", "same")
print(*(Path(name).name for name in inputs.changed()))
os.replace("same", "kept")
print(*(Path(name).name for name in inputs.changed()))
"""
READ_A_SECTION = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from stages.shared.running import Inputs
from stages.shared.settings import Plot, load
file = Path("params.yaml")
text = file.read_text("utf-8")
inputs = Inputs()
load(Plot)
for old, new in (("epochs: 35", "epochs: 36"), ("rows: 3", "rows: 4"), (text, "plot: [")):
    file.write_text(text.replace(old, new), "utf-8")
    print(*inputs.changed())
"""
WATCH = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
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


def output(script: str, folder: Path) -> list[str]:
    """Run a script in a folder, and return the lines that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env=os.environ | TRACING,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_an_input_that_changes_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    (folder / "folder").mkdir(parents=True)
    for name in ("kept", "folder/removed", "edited", "code.pyc", "../outside", "before", "both"):
        (folder / name).touch()
    assert output(READ_AND_CHANGE, folder) == ["", "edited removed", "edited removed kept"]


def test_settings_that_the_stage_uses_are_compared_alone(tmp_path: Path) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    assert output(READ_A_SECTION, tmp_path) == ["", "params.yaml", "params.yaml"]


def test_a_stage_ends_soon_after_its_parent() -> None:
    parent = subprocess.Popen([sys.executable, "-c", DVC], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    assert parent.stdout.readline() == "watching\n"
    parent.kill()
    assert parent.communicate()[0] == ""
