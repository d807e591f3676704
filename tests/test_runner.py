"""The expected failures of a stage: a line and an exit code for each."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from runpy import run_path

from stages.running.errors import StageError
from stages.running.runner import run

import numpy as np
import pytest

from tests.support import LONGEST_WAIT, PIPELINE, ROOT, Clone

STAGE = """
import sys, time
sys.path.insert(0, {root!r})
from stages.running.parent import exit_with_dvc
exit_with_dvc()
print("watching", flush=True)
time.sleep({wait})
print("still here")
"""
EDITING = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from stages.running.runner import run
def main():
    for name in ("module.py", "module.pyc"):
        Path(name).open().close()
        Path(name).write_text("edited")
run(main)
"""
DVC = "import subprocess, sys; subprocess.run([sys.executable, '-c', {stage!r}])"


def interrupt() -> None:
    raise KeyboardInterrupt


def fail() -> None:
    raise StageError("data/file: is wrong")


def read_absent() -> None:
    Path("absent").read_bytes()


def ask_for_too_much() -> None:
    np.empty(2**50)


@pytest.mark.parametrize(
    ("main", "message", "code"),
    [
        (interrupt, "interrupted", 130),
        (fail, "error: data/file: is wrong", 1),
        (read_absent, "error: absent: No such file or directory", 1),
        (ask_for_too_much, "error: not enough memory: Unable to allocate", 1),
    ],
)
def test_each_failure_is_a_line_and_an_exit_code(
    main: Callable[[], None],
    message: str,
    code: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DVC_STAGE", raising=False)
    with pytest.raises(SystemExit) as end:
        run(main)
    if isinstance(end.value.code, str):
        assert code == 1
        assert end.value.code.startswith(message)
    else:
        assert end.value.code == code
        assert capsys.readouterr().err == f"{message}\n"


@pytest.mark.parametrize("stage", sorted(PIPELINE.keys() - {"code"}))
def test_a_stage_without_its_inputs_names_the_first(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_STAGE", raising=False)
    monkeypatch.setattr(sys, "argv", [stage])
    with pytest.raises(SystemExit, match=r"^error: (params\.yaml|data/|plots/)"):
        run_path(str(ROOT / f"stages/{stage}.py"), run_name="__main__")


@pytest.mark.parametrize(
    ("stage", "line"),
    [
        ("code", "error: module.py: changed while the stage ran; run it again\n"),
        ("other", "error: data/code/other.json: no record of a stage's code: "),
    ],
)
def test_code_is_an_input_of_the_stage_code_and_compared_with_the_record_by_others(
    stage: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_STAGE", stage)
    for name in ("module.py", "module.pyc"):
        (tmp_path / name).touch()
    done = subprocess.run(
        [sys.executable, "-c", EDITING.format(root=str(ROOT))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_WAIT,
    )
    assert done.stderr.startswith(line)
    assert done.returncode == 1
    assert (tmp_path / "module.py").read_text() == "edited"


def test_a_stage_ends_soon_after_its_parent() -> None:
    code = DVC.format(stage=STAGE.format(root=str(ROOT), wait=LONGEST_WAIT))
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    assert parent.stdout.readline() == "watching\n"
    parent.kill()
    assert parent.communicate()[0] == ""


@pytest.mark.parametrize("stage", PIPELINE)
def test_a_stage_run_by_its_path_prints_the_right_command(finished: Clone, stage: str) -> None:
    done = finished.run("python", f"stages/{stage}.py", check=False)
    assert done.returncode == 1
    assert done.stderr == f"error: stages/{stage}.py: run it as python -m stages.{stage}\n"
