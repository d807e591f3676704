"""Sweeps on this machine: killed and resumed, in unusual repositories, and refused."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from stages.shared.datasets import DATASETS
from stages.shared.errors import StageError

import psutil
import pytest
import yaml

from tests.support import ROOT, WINDOWS, Clone, small_dataset, wait_until
from tools import sweep

OPTIONS = ("--jobs=2", "--seeds=1")
RATES = ("0.02", "0.05")
DIVERGING = "1000000.0"
GRID = (
    *("-S", f"train.learning_rate={','.join((*RATES, DIVERGING))}"),
    *("-S", "model.hidden=[16,8]", "-S", "train.keep=best", "--test"),
)
Sweep = Callable[..., tuple[object, str, str]]


def experiments(clone: Clone) -> dict[str, str]:
    """Return the commits of the clone's experiments, by learning rate."""
    listed = clone.run("git", "for-each-ref", "--format=%(objectname) %(refname)", "refs/exps/")
    found = {}
    for commit in re.findall(r"^(\w+) refs/exps/\w{2}/\w{38}/", listed.stdout, re.MULTILINE):
        content = yaml.safe_load(clone.run("git", "show", f"{commit}:./params.yaml").stdout)
        found[str(content["train"]["learning_rate"])] = commit
    return found


def processes(clone: Clone) -> Iterator[psutil.Process]:
    """Yield the processes in the clone's folder."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if Path(process.cwd()).is_relative_to(clone.root.resolve()):
                yield process


@pytest.fixture
def run_sweep(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Sweep:
    """A function that runs a sweep in this process, and returns how it exits and its output."""
    monkeypatch.setitem(DATASETS, "small", small_dataset(dataset))
    monkeypatch.setenv("PATH", os.environ["PATH"])  # the sweep changes it

    def run(clone: Clone, *options: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["sweep", *OPTIONS, *options])
        with contextlib.chdir(clone.root), pytest.raises(SystemExit) as ended:
            sweep.main()
        return ended.value.code, *capfd.readouterr()

    return run


@pytest.fixture
def swept(clone: Clone) -> Iterator[Clone]:
    """A clone whose queue ends with the test."""
    yield clone
    for process in processes(clone):
        with contextlib.suppress(psutil.Error):
            process.kill()


@pytest.mark.skipif(WINDOWS, reason="Ctrl-C is a signal on POSIX alone")
def test_a_sweep_is_interrupted_killed_and_resumed(swept: Clone, run_sweep: Sweep) -> None:
    before = swept.outputs()
    command = (sys.executable, "-m", "tools.sweep", *OPTIONS, *GRID)

    # Interrupted while runs go on: they go on.
    interrupted = subprocess.Popen(command, cwd=swept.root, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: experiments(swept))
    interrupted.send_signal(signal.SIGINT)
    _, said = interrupted.communicate()
    assert interrupted.returncode == 130
    assert "The same command waits for them" in said

    # Killed with the queue's workers and their runs, as by a machine that goes down.
    for process in processes(swept):
        with contextlib.suppress(psutil.Error):
            process.kill()
    first = experiments(swept)

    code, table, errors = run_sweep(swept, *GRID)
    found = experiments(swept)

    # No run that had ended was repeated.
    assert first
    assert first.items() <= found.items()
    assert found.keys() == {*RATES}

    # A failed run is named with its last line, and the others are there.
    assert code == 1
    [error] = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert error.startswith(f"error: train.learning_rate={DIVERGING} train.seed=0: params.yaml: ")
    scores = {}
    for rate, commit in found.items():
        train, test = (
            json.loads(swept.run("git", "show", f"{commit}:metrics/{name}.json").stdout)
            for name in ("train", "test")
        )
        values = [
            (train | test)[split][name]
            for split in ("validation", "test")
            for name in ("accuracy", "loss")
        ]
        scores[f"train.learning_rate={rate}"] = ["1", *(f"{value:.4f}" for value in values)]
    header, *lines = [re.split("  +", line) for line in table.splitlines()[:3]]
    assert header[-2:] == ["test.accuracy", "test.loss"]
    assert {
        setting: [cell for cell in cells if not re.match("[-+]", cell)] for setting, *cells in lines
    } == scores
    assert "sweep.png" in table

    # The workspace is as before, and the experiment is complete.
    assert swept.outputs() == before
    assert swept.run("git", "status", "--porcelain").stdout == ""
    assert swept.run("git", "stash", "list").stdout == ""
    assert swept.run("git", "symbolic-ref", "HEAD").returncode == 0
    swept.dvc("exp", "apply", found["0.05"])
    content = yaml.safe_load((swept.root / "params.yaml").read_text())
    assert content["train"]["learning_rate"] == 0.05
    assert content["model"]["hidden"] == [16, 8]
    assert swept.repro("evaluate") == []


@pytest.mark.skipif(WINDOWS, reason="Git cannot replace HEAD while the test reads it")
def test_a_kill_of_dvc_while_it_queues_is_mended_as_documented(swept: Clone) -> None:
    branch = swept.run("git", "branch", "--show-current").stdout.strip()
    swept.set(**{"train.epochs": 4})
    before = swept.run("git", "diff").stdout
    head = swept.root / ".git/HEAD"
    queueing = swept.start_dvc("exp", "run", "--queue", "-S", "train.seed=1,2,3")
    wait_until(lambda: not head.read_text().startswith("ref:"), pause=0)
    queueing.kill()
    queueing.wait()
    swept.run("git", "checkout", "--force", branch)
    swept.run("git", "stash", "pop")
    swept.dvc("queue", "remove", "--all")
    assert swept.run("git", "diff").stdout == before
    assert swept.run("git", "symbolic-ref", "--short", "HEAD").stdout.strip() == branch


@pytest.fixture
def buried(swept: Clone, monkeypatch: pytest.MonkeyPatch) -> Clone:
    """The project in a folder of a submodule, with a path beyond ASCII and uncommitted changes.

    No branch is checked out, GIT_DIR is set as in Git's hooks, and Git knows the user in this
    repository alone.
    """
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    mono = Clone(swept.root.with_name("mono"))
    mono.root.mkdir()
    project = Clone(swept.root.rename(mono.root / "some project"))
    (project.root / ".git").rename(mono.root / ".git")
    mono.commit("moved")

    outer = Clone(mono.root.with_name("süper"))
    outer.root.mkdir()
    outer.run("git", "init", "--quiet")
    allowed = ("-c", "protocol.file.allow=always")
    outer.run("git", *allowed, "submodule", "--quiet", "add", str(mono.root), "inner")
    outer.commit("submodule")

    inner = Clone(outer.root / "inner/some project")
    inner.run("git", "config", "user.name", "somebody")
    inner.run("git", "config", "user.email", "somebody@localhost")
    inner.run("git", "checkout", "--quiet", "--detach")
    inner.dvc("cache", "dir", "--local", str(project.root / ".dvc/cache"))
    inner.dvc("checkout")
    inner.set(**{"train.batch_size": 32})
    monkeypatch.setenv("GIT_DIR", str(outer.root / ".git/modules/inner"))
    monkeypatch.setenv("GIT_WORK_TREE", str(outer.root / "inner"))
    return inner


def test_a_sweep_runs_anywhere(buried: Clone, run_sweep: Sweep) -> None:
    state = ("git", "status", "--porcelain", "--branch")
    before = buried.run(*state).stdout
    code, table, errors = run_sweep(buried, "-S", "train.learning_rate=0.03")
    assert code == 0, errors
    assert "train.learning_rate=0.03" in table
    assert buried.run(*state).stdout == before
    assert experiments(buried).keys() == {"0.03"}


def test_a_state_in_which_runs_would_fail_is_refused(
    clone: Clone, tmp_path: Path, run_sweep: Sweep
) -> None:
    def refusal(clone: Clone) -> str:
        error, table, _ = run_sweep(clone)
        assert not table
        assert not experiments(clone)
        return str(error)

    (clone.root / "network/new.py").touch()
    assert refusal(clone) == (
        "error: network/new.py: Git does not track it, so no run has it: git add network/new.py"
    )
    clone.run("git", "add", "network/new.py")

    clone.dvc("freeze", "train")
    assert refusal(clone) == "error: dvc.yaml: train is frozen: dvc unfreeze train"
    clone.dvc("unfreeze", "train")

    clone.run("git", "config", "--rename-section", "user", "nobody")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HOME", "XDG_CONFIG_HOME"):
            patch.setenv(name, str(tmp_path))
        assert refusal(clone).endswith(": Git user name and email must be configured")
    clone.run("git", "config", "--rename-section", "nobody", "user")

    clone.dvc("exp", "run", "--queue", "--name", "other", "--set-param", "train.epochs=1")
    assert refusal(clone).startswith("error: DVC's queue has runs of something else: other: ")
    assert "other" in clone.dvc("queue", "status")
    clone.dvc("queue", "remove", "other")

    clone.commit("a module")
    for branch, epochs in (("one", 1), ("two", 2)):
        clone.run("git", "checkout", "--quiet", "-b", branch, "master")
        clone.edit("dvc.lock", "epochs: 3", f"epochs: {epochs}")
        clone.commit(branch)
    clone.run("git", "merge", "one", check=False)
    assert refusal(clone) == (
        "error: dvc.lock: has merge conflicts: resolve them, then git add dvc.lock"
    )

    clone.run(
        "git", "clone", "--quiet", "--depth=1", clone.root.as_uri(), str(tmp_path / "shallow")
    )
    assert refusal(Clone(tmp_path / "shallow")) == (
        "error: DVC keeps no experiments in a shallow clone: git fetch --unshallow"
    )

    moved = Clone(clone.root.rename(tmp_path / "ü"))
    moved.run("git", "reset", "--quiet", "--hard")
    assert "DVC's queue needs a cache folder with an ASCII path" in refusal(moved)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seeds=0"], "--seeds: must be at least 1"),
        (["--jobs=0"], "--jobs: must be at least 1"),
        (["--unknown"], "unrecognized arguments: --unknown"),
        (["-S", "train.epochs"], "error: --set-param train.epochs: Error parsing override"),
        (["-S", "train.epoch=1"], "error: --set-param train.epoch=1: Could not override"),
        (["-S", "train.epochs=1,0"], "params.yaml: train.epochs: must be at least 1, got 0"),
        (["-S", "train.seed=1"], "error: --set-param train.seed=1: --seeds sets it"),
        (["-S", "dvc.yaml:a=1"], "error: --set-param dvc.yaml:a=1: must be in params.yaml"),
        (["-S", "plot.rows=1,2"], "--set-param plot.rows: no stage up to evaluate depends on it"),
        (["-S", "preprocess.validation_size=0"], "must be above 0 for a sweep"),
    ],
)
def test_a_wrong_option_is_named(
    options: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["sweep", *options])
    monkeypatch.setattr(sweep, "check_project", lambda: None)  # a checkout in CI is shallow
    with pytest.raises((SystemExit, StageError)) as ended:
        sweep.main()
    assert ended.value.args != (0,)
    assert message in f"{ended.value}{capsys.readouterr().err}"
