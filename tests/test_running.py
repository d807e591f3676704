"""Running a stage: its expected failures, its options, and inputs that change meanwhile."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from stages.shared import inputs
from stages.shared.errors import StageError, errors_as_lines
from stages.shared.files import reading
from stages.shared.paths import PARAMETERS
from stages.shared.settings import Plot, load

import pytest

from tests.support import ROOT


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (StageError("data/file: is wrong"), "error: data/file: is wrong"),
        (FileNotFoundError(2, "No such file", "absent"), "error: absent: No such file"),
        (OSError("no device"), "error: files: no device"),
        (MemoryError("8 GB"), "error: not enough memory: 8 GB"),
        (KeyboardInterrupt(), 130),
    ],
)
def test_an_expected_failure_is_a_line(error: BaseException, message: str | int) -> None:
    with pytest.raises(SystemExit) as end, errors_as_lines():
        raise error
    assert end.value.code == message


def test_help_prints_help_and_an_unknown_option_is_an_error() -> None:
    command = [sys.executable, "-m", "stages.train"]
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii"}
    helped = subprocess.run(
        [*command, "--help"], cwd=ROOT, env=ascii_only, capture_output=True, check=True
    )
    assert helped.stdout.startswith(b"usage: python -m stages.train [-h]")
    assert b"images and labels ? weights" in helped.stdout
    refused = subprocess.run([*command, "--fast"], cwd=ROOT, capture_output=True, check=False)
    assert refused.returncode == 2
    assert b"unrecognized arguments: --fast" in refused.stderr


@pytest.fixture
def _nothing_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(inputs, "_inputs", [])


@pytest.mark.usefixtures("_nothing_read")
def test_an_input_that_changes_is_named() -> None:
    kept, removed, edited = paths = [Path("kept"), Path("removed"), Path("edited")]
    for path in paths:
        path.touch()
        with reading(path):
            assert inputs.changed_inputs() == []
    removed.unlink()
    edited.write_text("edited", "utf-8")
    assert inputs.changed_inputs() == [edited, removed]
    shutil.copy2(kept, "same")
    Path("same").replace(kept)
    assert inputs.changed_inputs() == [edited, kept, removed]


@pytest.mark.usefixtures("_nothing_read")
def test_settings_in_use_are_compared_alone() -> None:
    text = (ROOT / "params.yaml").read_text("utf-8")
    PARAMETERS.write_text(text, "utf-8")
    load(Plot)
    for old, new, changed in (
        ("epochs: 35", "epochs: 36", []),
        ("rows: 3", "rows: 4", [PARAMETERS]),
        (text, "plot: [", [PARAMETERS]),
    ):
        PARAMETERS.write_text(text.replace(old, new), "utf-8")
        assert inputs.changed_inputs() == changed
