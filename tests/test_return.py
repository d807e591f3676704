"""The documented return from a run that did not end: git checkout, and then dvc checkout."""

import os
import signal
import subprocess

import pytest

from tests.support import WINDOWS, Clone


def go_back(clone: Clone) -> None:
    clone.run("git", "checkout", "--quiet", "--force", "HEAD")
    clone.dvc("checkout")


def test_after_a_training_that_diverged(clone: Clone, finished: Clone) -> None:
    clone.set(**{"train.learning_rate": 1e30})
    done = clone.try_dvc("repro")
    assert done.returncode != 0
    assert "error: params.yaml: train: epoch 1: the loss is nan, lower learning" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(clone.root.rglob("*.partial"))
    go_back(clone)
    assert clone.outputs() == finished.outputs()
    assert clone.repro() == []


@pytest.mark.skipif(WINDOWS, reason="Ctrl-C is a signal on POSIX alone")
def test_after_ctrl_c(clone: Clone, finished: Clone) -> None:
    clone.set(**{"train.epochs": 1_000_000})
    with clone.start_dvc(
        "repro", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    ) as dvc:
        clone.wait_for_epochs(2)
        os.kill(-dvc.pid, signal.SIGINT)  # its process group
        _, stderr = dvc.communicate()
    assert dvc.returncode != 0
    assert "interrupted\n" in stderr
    go_back(clone)
    assert clone.outputs() == finished.outputs()
    assert clone.repro() == []
