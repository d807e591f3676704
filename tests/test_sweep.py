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
from stages.shared.errors import errors_as_lines

import psutil
import pytest
import yaml

from tests.support import ROOT, WINDOWS, Clone, small_dataset, wait_until
from tools import sweep
from tools.sweeping.grid import OWN, Grid

OPTIONS = ("--jobs=1", "--seeds=1")
RATE, DIVERGING = "0.05", "1000000.0"
GRID = (
    *("-S", f"train.learning_rate={RATE},{DIVERGING}"),
    *("-S", "model.hidden=[16,8]", "-S", "train.keep=best", "--test"),
)
Sweep = Callable[..., tuple[object, str, str]]


def experiments(clone: Clone) -> list[str]:
    """Return the commits of the clone's experiments."""
    listed = clone.run("git", "for-each-ref", "--format=%(objectname) %(refname)", "refs/exps/")
    return re.findall(r"^(\w+) refs/exps/\w{2}/\w{38}/", listed.stdout, re.MULTILINE)


@pytest.fixture
def run_sweep(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Sweep:
    """A function that runs a sweep in this process, and returns how it exits and its output."""
    monkeypatch.setitem(DATASETS, "small", small_dataset(dataset))
    monkeypatch.setenv("PATH", os.environ["PATH"])  # the sweep changes it

    def run(clone: Clone, *options: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["sweep", *OPTIONS, *options])
        with (
            contextlib.chdir(clone.root),
            pytest.raises(SystemExit) as ended,
            errors_as_lines(),
        ):
            sweep.main()
        return ended.value.code, *capfd.readouterr()

    return run


@pytest.fixture
def buried(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clone]:
    """The project in a folder of a submodule, with a path beyond ASCII and uncommitted changes.

    No branch is checked out, GIT_DIR is set as in Git's hooks, and Git knows the user in this
    repository alone.
    """
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    mono = Clone(clone.root.with_name("mono"))
    mono.root.mkdir()
    project = Clone(clone.root.rename(mono.root / "some project"))
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
    yield inner
    kill_all(inner)


def kill_all(clone: Clone) -> None:
    """Kill the processes in the clone's folder, as a machine that goes down does."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if Path(process.cwd()).is_relative_to(clone.root.resolve()):
                process.kill()


def interrupt_and_kill(clone: Clone) -> None:
    """Interrupt a sweep while runs go on, and kill those and the queue's workers."""
    command = (sys.executable, "-m", "tools.sweep", *OPTIONS, *GRID)
    interrupted = subprocess.Popen(command, cwd=clone.root, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: experiments(clone) or interrupted.poll() is not None)
    interrupted.send_signal(signal.SIGINT)
    _, said = interrupted.communicate()
    assert interrupted.returncode == 130
    assert "The same command waits for them" in said
    kill_all(clone)


def test_a_sweep_is_resumed_anywhere(buried: Clone, run_sweep: Sweep) -> None:
    state = ("git", "status", "--porcelain", "--branch")
    before = buried.run(*state).stdout, buried.outputs()
    if not WINDOWS:  # Ctrl-C is a signal on POSIX alone
        interrupt_and_kill(buried)
    first = experiments(buried)
    code, table, errors = run_sweep(buried, *GRID)
    [commit] = experiments(buried)
    assert first in ([commit], [])  # no run that had ended was repeated

    # A failed run is named with its last line, and the other is there.
    assert code == 1
    [error] = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert error.startswith(f"error: learning_rate={DIVERGING} train.seed=0: params.yaml: ")
    scores: dict[str, dict[str, float]] = {}
    for name in ("train", "test"):
        scores |= json.loads(buried.run("git", "show", f"{commit}:./metrics/{name}.json").stdout)
    header, _, cells, *_ = [re.split(r" *\| *", line)[1:-1] for line in table.splitlines()]
    row = dict(zip(header, cells, strict=True))
    assert (row.pop("setting"), row.pop("runs")) == (f"learning_rate={RATE}", "1")
    row.pop("difference to the best, 95% confidence")
    assert row == {
        f"{split}.{name}": f"{scores[split][name]:.4f}"
        for split in ("validation", "test")
        for name in ("accuracy", "loss")
    }
    assert "sweep.png" in table

    # The workspace is as before, and the experiment is complete.
    assert (buried.run(*state).stdout, buried.outputs()) == before
    assert buried.run("git", "stash", "list").stdout == ""
    buried.dvc("exp", "apply", commit)
    content = yaml.safe_load((buried.root / "params.yaml").read_text(encoding="utf-8"))
    assert content["train"]["learning_rate"] == 0.05
    assert content["train"]["batch_size"] == 32
    assert content["model"]["hidden"] == [16, 8]
    assert buried.repro("evaluate") == []


@pytest.mark.skipif(WINDOWS, reason="Git cannot replace HEAD while the test reads it")
def test_a_kill_of_dvc_while_it_queues_is_mended_as_documented(clone: Clone) -> None:
    branch = clone.run("git", "branch", "--show-current").stdout.strip()
    clone.set(**{"train.epochs": 4})
    before = clone.run("git", "diff").stdout
    head = clone.root / ".git/HEAD"
    queueing = clone.start_dvc("exp", "run", "--queue", "-S", "train.seed=1,2,3")
    wait_until(lambda: not head.read_text(encoding="utf-8").startswith("ref:"), pause=0)
    queueing.kill()
    queueing.wait()
    clone.run("git", "checkout", "--force", branch)
    clone.run("git", "stash", "pop")
    clone.dvc("queue", "remove", "--all")
    assert clone.run("git", "diff").stdout == before
    assert clone.run("git", "symbolic-ref", "--short", "HEAD").stdout.strip() == branch


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


def test_each_setting_has_a_label_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    options = [f"train.{name}=1,2" for name in ("batch_size", "epochs", "learning_rate")]
    grid = Grid([*options, "model.hidden=[64,32],[128,64]", "train.weight_decay=0.001,0.002"], 1)
    assert len({grid.label(setting) for setting in grid.settings}) == 32


@pytest.mark.parametrize("name", ["sweep-00a1f3", "sweep-00a1f3-12", "sweep-17-3"])
def test_own_experiments_are_no_results_of_a_sweep(name: str) -> None:
    assert OWN.fullmatch(name)
    assert not OWN.fullmatch(f"{name}-mine")
    assert not OWN.fullmatch(name.replace("-", "", 1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seeds=0"], "--seeds: must be at least 1"),
        (["--jobs=0"], "--jobs: must be at least 1"),
        (["--unknown"], "unrecognized arguments: --unknown"),
        (["-S", "train.epochs"], "error: --set-param train.epochs: Error parsing override"),
        (["-S", "train.epoch=1"], "error: --set-param train.epoch=1: Could not override"),
        (["-S", "train.epochs=1,0"], "error: params.yaml: train.epochs: must be at least 1, got 0"),
        (["-S", "train.epochs=1,1"], "error: --set-param train.epochs=1,1: has a value twice"),
        (["-S", "train.seed=1"], "error: --set-param train.seed: --seeds sets it"),
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
    with pytest.raises(SystemExit) as ended, errors_as_lines():
        sweep.main()
    assert message in f"{ended.value}{capsys.readouterr().err}"
