"""The expected failures of a stage: a line and an exit code for each."""

from collections.abc import Callable
from pathlib import Path

from stages.running.errors import StageError
from stages.running.runner import run

import numpy as np
import pytest

from tests.support import PIPELINE, Clone


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


@pytest.mark.parametrize("stage", PIPELINE)
def test_a_stage_run_by_its_path_prints_the_right_command(finished: Clone, stage: str) -> None:
    done = finished.run("python", f"stages/{stage}.py", check=False)
    assert done.returncode == 1
    assert done.stderr == f"error: stages/{stage}.py: run it as python -m stages.{stage}\n"
