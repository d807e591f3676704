"""Sweeps on this machine: through DVC's queue, killed and resumed, and refused."""

import contextlib
import json
import re
import subprocess
import sys
from itertools import product
from pathlib import Path

from stages.shared.errors import StageError

import psutil
import pytest
import yaml
from dulwich.refs import Ref, check_ref_format
from hypothesis import given
from hypothesis import strategies as st

from tests.support import ROOT, Clone, wait_until
from tools import sweep
from tools.sweeping import local
from tools.sweeping.runs import Workspace, plan

COMMAND = (sys.executable, "-m", "tools.sweep", "--jobs=1", "--seeds=1")
DIVERGING = "1000000.0"
RATES = ("0.02", "0.05", DIVERGING)
GRID = (
    *("-S", f"train.learning_rate={','.join(RATES)}"),
    *("-S", "model.hidden=[16,8]", "-S", "train.keep=best"),
)


def experiments(clone: Clone) -> dict[str, str]:
    """Return the commits of the clone's experiments, by learning rate."""
    listed = clone.run("git", "for-each-ref", "--format=%(objectname) %(refname)", "refs/exps/")
    found = re.findall("(.+) refs.+/train.learning_rate=(.+),seed=0,with=", listed.stdout)
    return {rate: commit for commit, rate in found}


def at_work(clone: Clone) -> list[str]:
    """Return the commands that run in the folder of the clone's sweep."""
    commands = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to((clone.root / local.FOLDER).resolve()):
                commands.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return commands


def table(clone: Clone, found: dict[str, str]) -> list[list[str]]:
    """Return the cells of the table, the best setting first."""
    lines = []
    for rate, commit in found.items():
        train, test = (
            json.loads(clone.run("git", "show", f"{commit}:metrics/{name}.json").stdout)
            for name in ("train", "test")
        )
        figures = train | test
        lines.append(
            [f"train.learning_rate={rate}", "1"]
            + [
                f"{figures[split][quantity]:.4f}"
                for split, quantity in product(("validation", "test"), ("accuracy", "loss"))
            ]
        )
    return sorted(lines, key=lambda line: line[2], reverse=True)


def test_a_sweep_is_killed_and_resumed(clone: Clone) -> None:
    before = clone.outputs()
    links: set[int] = set()
    runs = clone.root / local.FOLDER / ".dvc/tmp/exps"

    def a_run_has_ended() -> bool:
        data = runs.glob("*/data/processed/train_images.npy")
        with contextlib.suppress(FileNotFoundError):  # a run that has just ended
            links.update(path.stat().st_nlink for path in data)
        return bool(experiments(clone))

    killed = subprocess.Popen([*COMMAND, *GRID], cwd=clone.root)
    try:
        wait_until(a_run_has_ended)
        assert at_work(clone)  # DVC's workers outlive the sweep
    finally:
        killed.kill()
        killed.wait()
    logs = "".join(path.read_text() for path in runs.glob("run/*/*.out"))
    first = experiments(clone)
    done = clone.run(*COMMAND, *GRID, "--test", check=False)
    found = experiments(clone)

    # no run that had ended was repeated
    assert first.items() <= found.items()
    assert found.keys() == {*RATES[:2]}

    # a failed run is named with its last line, and the others are there
    assert done.returncode == 1
    [error] = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert error.startswith(f"error: train.learning_rate={DIVERGING},seed=0,with=")
    assert ": params.yaml: train." in error
    header, *lines = [re.split("  +", line) for line in done.stdout.splitlines()]
    assert header[-2:] == ["test.accuracy", "test.loss"]
    cells = [[cell for cell in line if not re.match("[-+]", cell)] for line in lines]
    assert cells == table(clone, found)

    # runs share the data, and nothing is left of them but the experiments
    assert min(links) > 1
    assert "Stage 'preprocess' didn't change, skipping" in logs
    assert "Running stage 'preprocess'" not in logs
    assert clone.outputs() == before
    assert clone.run("git", "status", "--porcelain").stdout == ""
    assert clone.run("git", "stash", "list").stdout == ""
    assert clone.run("git", "symbolic-ref", "HEAD").returncode == 0
    assert not (clone.root / local.FOLDER).exists()
    assert at_work(clone) == []

    # pictures, which no run has drawn, are drawn of the one that is kept
    clone.dvc("exp", "apply", found["0.05"])
    content = yaml.safe_load((clone.root / "params.yaml").read_text())
    assert content["train"]["learning_rate"] == 0.05
    assert content["model"]["hidden"] == [16, 8]
    assert clone.repro("plot_loss") == ["plot_loss"]

    clone.run("git", "checkout", "--quiet", "--force", "HEAD")
    assert clone.run(*COMMAND, *GRID, "--clean").stdout == "2 experiments removed\n"
    assert experiments(clone) == {}


settings = st.lists(
    st.tuples(st.from_regex(r"[a-z]{1,20}\.[a-z_]{1,20}", fullmatch=True), st.text(min_size=1)),
    unique_by=lambda pair: pair[0],
    max_size=6,
).map(lambda pairs: tuple(f"{key}={value}" for key, value in pairs))
workspaces = st.builds(Workspace, st.just("0" * 40), st.just("0" * 40), st.text())


@given(st.lists(settings, unique=True, max_size=4), settings, workspaces)
def test_every_run_has_a_name_that_git_takes(
    tried: list[tuple[str, ...]], common: tuple[str, ...], workspace: Workspace
) -> None:
    for run in plan(tried, common, [0, 1], workspace):
        assert check_ref_format(Ref(f"refs/exps/{run.name}".encode()))
        assert len(run.name.encode()) < 250  # a file's name may have 255 bytes, with `.lock`


numbers = st.integers(0, 999) | st.floats(1e-6, 1e3)
lists = st.lists(numbers, min_size=1, max_size=4).map(
    lambda items: f"[{','.join(map(str, items))}]"
)


@given(st.lists(lists, unique=True, max_size=4) | st.lists(st.text(), unique=True, max_size=4))
def test_different_runs_have_different_names(values: list[str]) -> None:
    tried = [(f"model.hidden={value}",) for value in values]
    others = [Workspace("0" * 40, "0" * 40, changes) for changes in ("", "-a\n+b\n")]
    names = [
        run.name
        for common in ((), ("train.epochs=1",))
        for workspace in others
        for run in plan(tried, common, [0, 1], workspace)
    ]
    assert len({*names}) == len(names)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seeds=0"], "--seeds: must be at least 1"),
        (["--jobs=0"], "--jobs: must be at least 1"),
        (["-S", "train.epochs"], "error: --set-param train.epochs: Error parsing override"),
        (["-S", "train.epoch=1"], "error: --set-param train.epoch=1: Could not override"),
        (["-S", "train.epochs=1,0"], "params.yaml: train.epochs: must be at least 1, got 0"),
        (["-S", "train.seed=1"], "error: --set-param train.seed: --seeds sets it"),
        (["-S", "dvc.yaml:a=1"], "error: --set-param dvc.yaml:a=1: must be of params.yaml"),
        (["-S", "train.learning_rate=0.1..1"], "bounds are for --sampler tpe"),
        (["--sampler=tpe", "-S", "train.epochs=1,2"], "--sampler tpe: give bounds"),
        (["--sampler=tpe", "-S", "train.epochs=1..9", "--on=slurm"], "neither with --on slurm"),
        (["--sampler=tpe", "-S", "train.epochs=1..9", "--seeds=5", "--runs=4"], "--runs: must be"),
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
    with pytest.raises((SystemExit, StageError)) as ended:
        sweep.main()
    assert ended.value.args != (0,)
    assert message in f"{ended.value}{capsys.readouterr().err}"
