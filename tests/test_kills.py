"""The files that a killed DVC leaves behind, and the next run."""

import json
import os
import signal
import subprocess

from stages.shared import running

import psutil
import pytest

from tests.soak import repair, running_stage
from tests.support import WINDOWS, Clone, wait_until


def test_a_second_dvc_names_the_first_and_a_stage_ends_with_its_dvc(
    clone: Clone, finished: Clone
) -> None:
    clone.set(**{"train.epochs": 1_000_000})
    with clone.start_dvc("repro", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as dvc:
        clone.wait_for_epochs(5)
        second = clone.try_dvc("repro")
        stage = running_stage(dvc.pid)
        dvc.kill()
    assert second.returncode != 0
    assert f"(PID {dvc.pid})" in second.stderr
    assert stage
    wait_until(lambda: not stage.is_running() or stage.status() == psutil.STATUS_ZOMBIE)
    clone.set(**{"train.epochs": 3})
    assert clone.repro() in (["train"], [])
    assert clone.outputs() == finished.outputs()


def test_a_stage_whose_dvc_has_ended_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    # as if a shell were the first process, which adopts orphaned processes
    names = {process.name() for process in psutil.Process().parents()}
    monkeypatch.setattr(running, "SHELLS", names)
    with pytest.raises(SystemExit) as end:
        running.end_with_dvc()
    assert end.value.code == running.ORPHANED


@pytest.mark.skipif(WINDOWS, reason="Ctrl-C is a signal on POSIX alone")
def test_the_documented_return_after_ctrl_c(clone: Clone, finished: Clone) -> None:
    clone.set(**{"train.epochs": 1_000_000})
    with clone.start_dvc(
        "repro", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    ) as dvc:
        clone.wait_for_epochs(2)
        os.kill(-dvc.pid, signal.SIGINT)  # its process group
        _, stderr = dvc.communicate()
    assert dvc.returncode != 0
    assert "interrupted\n" in stderr
    clone.run("git", "checkout", "--quiet", "--force", "HEAD")
    clone.dvc("checkout")
    assert clone.outputs() == finished.outputs()
    assert clone.repro() == []


def leave_half_a_lock(clone: Clone) -> None:
    (clone.root / "dvc.lock").write_text("schema: '2.0'\nstages:\n  tr")


def leave_half_a_list_of_commands(clone: Clone) -> None:
    (clone.root / ".dvc/tmp/rwlock").write_text('{"read": {"a": [')


def leave_a_process_id_that_another_process_has(clone: Clone) -> None:
    picture = clone.root / "plots/loss.png"
    picture.unlink()
    lock = {"write": {str(picture): {"pid": os.getpid(), "cmd": "dvc repro"}}}
    (clone.root / ".dvc/tmp/rwlock").write_text(json.dumps(lock))


def leave_a_run_without_its_record(clone: Clone) -> None:
    (clone.root / "dvc.lock").unlink(missing_ok=True)
    records = (clone.root / ".dvc/cache/runs").glob("*/*/*")
    [record] = [path for path in records if "stages.evaluate" in path.read_text()]
    record.unlink()


@pytest.mark.skipif(WINDOWS, reason="the command needs a POSIX shell")
def test_the_documented_command_repairs(clone: Clone, finished: Clone) -> None:
    for leave in (
        leave_a_process_id_that_another_process_has,
        leave_half_a_list_of_commands,
        leave_half_a_lock,
        leave_a_run_without_its_record,
    ):
        leave(clone)
        assert clone.try_dvc("repro").returncode != 0, leave
        clone.run("sh", "-c", repair())
    assert clone.repro() == ["code", "evaluate"]
    assert clone.outputs() == finished.outputs()
