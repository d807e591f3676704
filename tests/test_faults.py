"""A full disk, missing or damaged files: one line reports the fault, and nothing is lost."""

import os
import re
import shutil
import sys
from importlib import import_module
from pathlib import Path

from stages import train
from stages.shared import inputs, running
from stages.shared.errors import StageError, errors_as_lines

import pytest

from tests.support import WINDOWS, Clone


def run_with_little_room(clone: Clone, command: str) -> str:
    """Run a command that can write no file beyond 512 KiB, and return the error that it prints."""
    done = clone.run("sh", "-c", f"ulimit -f 1024; exec {command}", check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert not list(clone.root.rglob("*.partial"))
    return done.stderr


@pytest.mark.skipif(WINDOWS, reason="ulimit is of POSIX shells")
def test_a_full_disk_is_named_and_nothing_is_lost(clone: Clone) -> None:
    before = clone.outputs()
    clone.set(**{"preprocess.seed": 1})
    stderr = run_with_little_room(clone, "python -m dvc repro")
    assert "error: data/processed/train_images.npy: File too large\n" in stderr
    assert not (clone.root / "data/processed/train_images.npy").exists()

    clone.dvc("checkout")
    assert {**clone.outputs(), "dvc.lock": before["dvc.lock"]} == before


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize(
    ("stage", "path"),
    [
        ("preprocess", "data/raw/t10k-labels-idx1-ubyte"),
        ("train", "data/processed/validation_labels.npy"),
        ("evaluate", "data/weights.npz"),
        ("evaluate", "data/processed/dataset.json"),
        ("plot_training", "plots/history.csv"),
        ("plot_test", "data/predictions.npz"),
    ],
)
def test_a_file_that_is_gone_is_named(stage: str, path: str) -> None:
    Path(path).unlink()
    with pytest.raises(FileNotFoundError) as absent:
        Path(path).stat()
    assert error_of(stage) == f"error: {Path(path)}: {absent.value.strerror}"


@pytest.mark.usefixtures("workspace")
def test_a_file_in_the_place_of_a_folder_is_named() -> None:
    shutil.rmtree("metrics")
    Path("metrics").touch()
    assert re.fullmatch("error: metrics: .*exists", error_of("evaluate"))


def error_of(stage: str) -> str:
    """Run a stage in this process, and return the error with which it exits."""
    with pytest.raises(SystemExit) as end, errors_as_lines():
        import_module(f"stages.{stage}").main()
    return str(end.value)


@pytest.mark.skipif(WINDOWS, reason="permissions of a folder are for POSIX")
def test_a_folder_that_may_not_be_written_is_named(clone: Clone) -> None:
    before = clone.outputs()
    (clone.root / "plots").chmod(0o555)
    as_anyone = (
        ["setpriv", "--bounding-set=-dac_override"]
        if sys.platform != "win32" and os.geteuid() == 0
        else []
    )
    done = clone.run(*as_anyone, sys.executable, "-m", "stages.plot_training", check=False)
    (clone.root / "plots").chmod(0o755)
    assert done.returncode == 1
    assert done.stderr == "error: plots/loss.png.partial: Permission denied\n"
    assert clone.outputs() == before


@pytest.mark.usefixtures("workspace")
def test_a_setting_changed_while_its_stage_runs_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def train_and_change() -> None:
        train.main()
        text = Path("params.yaml").read_text("utf-8")
        Path("params.yaml").write_text(text.replace("epochs: 3", "epochs: 4"), "utf-8")

    monkeypatch.setattr(running, "end_with_dvc", lambda: None)
    monkeypatch.setattr(inputs, "_inputs", [])
    with pytest.raises(StageError) as error:
        running.run_under_dvc(train_and_change)
    assert str(error.value) == "params.yaml: changed while the stage ran; run it again"


def test_flipped_bits_are_detected_and_restored(clone: Clone, finished: Clone) -> None:
    paths = (
        "data/raw/train-images-idx3-ubyte",
        "data/processed/test_images.npy",
        "data/weights.npz",
        "metrics/test.json",
    )
    for path in paths:
        content = bytearray((clone.root / path).read_bytes())
        content[len(content) // 2] ^= 1
        (clone.root / path).write_bytes(content)
    status = clone.dvc("status")
    outputs = ("data/raw", "data/processed", "data/weights.npz", "metrics/test.json")
    assert all(f"modified:           {Path(path)}" in status for path in outputs)
    clone.dvc("repro")
    assert clone.outputs() == finished.outputs()
