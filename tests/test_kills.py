"""What is left when DVC is killed, and how the next run takes it."""

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
    """A DVC that is in the midst of a long training."""
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


def test_a_stage_whose_dvc_is_gone_already_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    # as where a shell is the first process, which adopts what has lost its parent
    names = {process.name() for process in psutil.Process().parents()}
    monkeypatch.setattr(parent, "SHELLS", names)
    with pytest.raises(SystemExit) as end:
        parent.exit_with_dvc()
    assert end.value.code == parent.ORPHANED


def test_a_second_dvc_is_told_of_the_first(training: "subprocess.Popen[str]", clone: Clone) -> None:
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
def test_what_a_killed_dvc_left_is_mended(
    clone: Clone, finished: Clone, name: str, content: str
) -> None:
    (clone.root / name).write_text(content)
    assert clone.try_dvc("repro").returncode != 0
    said = clone.run(sys.executable, "-m", "tools.mend").stdout
    assert said == f"removed {name}, left behind by a DVC that was killed\n"
    # what code writes is in git, and so not in DVC's cache
    assert clone.repro() == (["code"] if name == "dvc.lock" else [])
    assert clone.outputs() == finished.outputs()


@pytest.mark.parametrize("kind", ["read", "write"])
def test_a_killed_dvc_whose_id_another_process_has_got_is_forgotten(
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


def test_a_run_that_was_about_to_be_noted_is_forgotten(clone: Clone, finished: Clone) -> None:
    (clone.root / "dvc.lock").unlink()
    notes = (clone.root / mend.RUNS).glob("*/*/*")
    [note] = [note for note in notes if "stages.plot_weights" in note.read_text()]
    note.unlink()
    assert "argument must be str" in clone.try_dvc("repro").stderr
    said = clone.run(sys.executable, "-m", "tools.mend").stdout.splitlines()
    assert len(said) == 1
    assert clone.repro() == ["plot_weights"]
    assert clone.outputs() == finished.outputs()


def test_nothing_is_mended_where_nothing_is_broken(clone: Clone) -> None:
    before = clone.outputs()
    assert clone.run(sys.executable, "-m", "tools.mend", check=False).returncode == 1
    assert clone.outputs() == before


def test_mend_looks_at_what_dvc_writes(clone: Clone) -> None:
    assert all((clone.root / path).exists() for path in [*mend.CHECKS, mend.RUNS])
