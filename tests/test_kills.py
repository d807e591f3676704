"""The files that a killed DVC leaves behind, and the next run."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

from stages.running import parent

import psutil
import pytest

from tests.soak import running_stage
from tests.support import Clone, wait_until
from tools import mend


@pytest.fixture
def training(clone: Clone) -> Iterator[subprocess.Popen[str]]:
    """A DVC during a long training."""
    clone.set(**{"train.epochs": 1_000_000})
    with clone.start_dvc("repro", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as dvc:
        clone.wait_for_epochs(5)
        yield dvc
        dvc.kill()


def test_a_stage_ends_with_its_dvc(
    training: "subprocess.Popen[str]", clone: Clone, finished: Clone
) -> None:
    stage = running_stage(training.pid)
    assert stage
    training.kill()
    training.wait()
    wait_until(lambda: not stage.is_running() or stage.status() == psutil.STATUS_ZOMBIE)
    clone.set(**{"train.epochs": 3})
    assert clone.repro() in (["train"], [])
    assert clone.outputs() == finished.outputs()


def test_a_stage_whose_dvc_has_ended_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    # as if a shell were the first process, which adopts orphaned processes
    names = {process.name() for process in psutil.Process().parents()}
    monkeypatch.setattr(parent, "SHELLS", names)
    with pytest.raises(SystemExit) as end:
        parent.end_with_dvc()
    assert end.value.code == parent.ORPHANED


def test_a_second_dvc_names_the_first(training: "subprocess.Popen[str]", clone: Clone) -> None:
    done = clone.try_dvc("repro")
    assert done.returncode != 0
    assert f"(PID {training.pid})" in done.stderr
    mended = clone.run(sys.executable, "-m", "tools.mend", check=False)
    assert mended.returncode == 1
    assert mended.stderr == f"error: DVC is running here already, as process {training.pid}\n"
    training.send_signal(signal.SIGTERM)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("dvc.lock", ""),
        ("dvc.lock", "schema: '2.0'\nstages:\n  train:\n    cmd: x\n    deps:\n    - hash: md5\n"),
        ("dvc.lock", "schema: '2.0'\nstages:\n  tr"),
        (".dvc/tmp/rwlock", '{"read": {"a": ['),
    ],
)
def test_a_file_left_by_a_killed_dvc_is_removed(
    clone: Clone, finished: Clone, name: str, content: str
) -> None:
    (clone.root / name).write_text(content)
    assert clone.try_dvc("repro").returncode != 0
    stdout = clone.run(sys.executable, "-m", "tools.mend").stdout
    assert stdout == f"removed {name}, left behind by a DVC that was killed\n"
    # the outputs of code are in git, not in DVC's cache
    assert clone.repro() == (["code"] if name == "dvc.lock" else [])
    assert clone.outputs() == finished.outputs()


@pytest.mark.parametrize("kind", ["read", "write"])
def test_an_entry_whose_process_id_belongs_to_another_process_is_removed(
    clone: Clone, finished: Clone, kind: str
) -> None:
    picture = clone.root / "plots/loss.png"
    picture.unlink()
    command = {"pid": os.getpid(), "cmd": "dvc repro"}
    lock = {kind: {str(picture): [command] if kind == "read" else command}}
    (clone.root / ".dvc/tmp/rwlock").write_text(json.dumps(lock))
    assert f"(PID {os.getpid()})" in clone.try_dvc("repro").stderr
    assert clone.run(sys.executable, "-m", "tools.mend").stdout.startswith("removed .dvc/tmp/rwlo")
    clone.dvc("repro")
    assert clone.outputs() == finished.outputs()


def test_a_run_that_was_not_yet_recorded_is_removed(clone: Clone, finished: Clone) -> None:
    (clone.root / "dvc.lock").unlink()
    records = (clone.root / mend.RUNS).glob("*/*/*")
    [record] = [path for path in records if "stages.plot_weights" in path.read_text()]
    record.unlink()
    assert "argument must be str" in clone.try_dvc("repro").stderr
    lines = clone.run(sys.executable, "-m", "tools.mend").stdout.splitlines()
    assert len(lines) == 1
    assert clone.repro() == ["plot_weights"]
    assert clone.outputs() == finished.outputs()


def test_nothing_is_removed_where_nothing_is_broken(clone: Clone) -> None:
    before = clone.outputs()
    assert clone.run(sys.executable, "-m", "tools.mend", check=False).returncode == 1
    assert clone.outputs() == before


def test_mend_checks_files_that_dvc_writes(clone: Clone) -> None:
    assert all((clone.root / path).exists() for path in [*mend.CHECKS, mend.RUNS])
