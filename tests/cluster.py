"""Sweeps on a real Slurm, one node on loopback, and so not among the tests: make test-cluster."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from getpass import getuser
from pathlib import Path

import psutil
import pytest

from tests.support import Clone, wait_until
from tools.sweeping import slurm as module

if sys.platform == "win32":
    pytest.skip("Slurm is for Linux", allow_module_level=True)

GRID = ("-S", "train.learning_rate=0.02,0.05", "--seeds=2")
ON_SLURM = (sys.executable, "-m", "tools.sweep", *GRID, "--on=slurm", "--jobs=2")
DAEMONS = ("munged", "slurmctld", "slurmd")
CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={processors}
PartitionName=all Nodes={host} Default=YES
"""


class Slurm:
    """A cluster of one node."""

    def __init__(self, folder: Path) -> None:
        path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
        self._programs = {name: shutil.which(name, path=path) for name in (*DAEMONS, "sbatch")}
        missing = [name for name, program in self._programs.items() if not program]
        assert not missing, f"needs {', '.join(missing)}: apt-get install slurm-wlm munge"
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "state").mkdir()
        (folder / "munge.key").write_bytes(os.urandom(1024))
        (folder / "munge.key").chmod(0o400)
        host = socket.gethostname().partition(".")[0]
        controller_port, node_port = _free_ports()
        (folder / "slurm.conf").write_text(
            CONFIGURATION.format(
                host=host,
                controller_port=controller_port,
                node_port=node_port,
                user=getuser(),
                folder=folder,
                processors=os.cpu_count(),
            )
        )
        self._options = {
            "munged": [
                *("--foreground", "--force", f"--socket={folder}/munge.socket"),
                *(f"--{name}-file={folder}/munge.{name}" for name in ("key", "pid", "log", "seed")),
            ],
            "slurmctld": ["-D"],
            "slurmd": ["-D", "-N", host],
        }

    def start(self, name: str) -> None:
        """Start a daemon."""
        with (self._folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [str(self._programs[name]), *self._options[name]], stdout=log, stderr=log
            )

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """End a daemon."""
        process = self._running.pop(name)
        process.send_signal(number)
        process.wait()

    def wait_until(self, condition: Callable[[], object]) -> None:
        """Wait, unless a daemon ends."""
        wait_until(lambda: condition() or any(daemon.poll() for daemon in self._running.values()))
        assert condition()

    def stop(self) -> None:
        """End all daemons, the last first."""
        for name in reversed([*self._running]):
            self.kill(name, signal.SIGTERM)


def _free_ports() -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(2)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def output_of(*command: str) -> str:
    """Return the output of a command, whether it fails or not."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    """A Slurm that runs."""
    folder = tmp_path_factory.mktemp("slurm")
    cluster = Slurm(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        try:
            cluster.start("munged")
            cluster.wait_until((folder / "munge.socket").exists)
            cluster.start("slurmctld")
            cluster.start("slurmd")
            cluster.wait_until(lambda: output_of("sinfo", "--noheader", "--format=%T") == "idle\n")
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture
def project(clone: Clone, tmp_path: Path) -> Clone:
    """A clone with a Git remote and a DVC remote."""
    clone.dvc("remote", "add", "--default", "storage", str(tmp_path / "storage"))
    clone.commit("remote")
    clone.run("git", "clone", "--quiet", "--bare", ".", str(tmp_path / "hub"))
    clone.run("git", "remote", "add", "origin", str(tmp_path / "hub"))
    clone.run("git", "fetch", "--quiet", "origin")
    return clone


def logs(clone: Clone) -> list[Path]:
    """Return the logs of the tasks that have begun, in their order."""
    paths = (clone.root / module.FOLDER).glob("*.out")
    return sorted(paths, key=lambda path: [int(number) for number in path.stem.split("_")])


def kill_a_task() -> None:
    """Kill all processes of some task but Slurm's own."""
    numbers: dict[str, list[psutil.Process]] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            number = process.environ().get("SLURM_JOB_ID")
            if number and process.name() != "slurmstepd":
                numbers.setdefault(number, []).append(process)
    for process in numbers[min(numbers)]:
        with contextlib.suppress(psutil.Error):
            process.kill()


def test_a_sweep_survives_kills(
    slurm: Slurm, project: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = project.copy(tmp_path / "here")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    links: set[int] = set()

    def data_is_there() -> bool:
        data = scratch.glob("*/data/processed/train_images.npy")
        with contextlib.suppress(FileNotFoundError):
            links.update(path.stat().st_nlink for path in data)
        return bool(links)

    # A sweep that is killed and started again waits for the tasks that were submitted,
    first = subprocess.Popen(ON_SLURM, cwd=project.root)
    wait_until(lambda: logs(project))
    first.kill()
    first.wait()
    second = subprocess.Popen(
        ON_SLURM, cwd=project.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_until(data_is_there)
    kill_a_task()
    slurm.kill("slurmctld")
    time.sleep(module.Slurm.POLL_SECONDS + 1)
    assert output_of("squeue") == ""
    slurm.start("slurmctld")

    # and then repeats the one that has failed, and names it.
    wait_until(lambda: len(logs(project)) == 5)
    wait_until(lambda: len([*scratch.glob("sweep.*")]) == 2)  # the first is the killed task's
    kill_a_task()
    _, said = second.communicate()
    assert second.returncode == 1
    assert re.search(r"^error: learning_rate=\S+ train.seed=\d: ", said, re.MULTILINE)
    assert min(links) > 1  # the data is linked from the cache

    # The same command repeats that run, and no other.
    third = project.run(*ON_SLURM, "--test")
    assert len(logs(project)) == 6
    on_queue = here.run(*(word for word in ON_SLURM if word != "--on=slurm"), "--test")
    assert third.stdout == on_queue.stdout

    # Both remotes have the experiments.
    project.run("git", "clone", "--quiet", str(tmp_path / "hub"), str(tmp_path / "there"))
    there = Clone(tmp_path / "there")
    listed = there.run("git", "ls-remote", "origin", "refs/exps/*").stdout
    names = re.findall("sweep-.+", listed)
    assert len(names) == 4
    there.dvc("exp", "pull", "origin", names[0])
    there.dvc("exp", "apply", names[0])
    assert {"train", "evaluate"}.isdisjoint(there.repro("evaluate"))


@pytest.mark.usefixtures("slurm")
def test_a_missing_requirement_of_a_cluster_is_named(
    project: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failure() -> str:
        done = project.run(*ON_SLURM, check=False)
        assert done.returncode == 1
        return done.stderr.splitlines()[-1]

    project.set(**{"train.epochs": 4})
    assert failure().endswith("there are changes: commit them")
    project.commit("more epochs")
    assert failure().endswith("origin does not have this commit: git push origin HEAD")
    project.dvc("remote", "remove", "storage")
    project.commit("no remote")
    project.run("git", "push", "--quiet", "origin", "HEAD")
    assert failure().startswith("error: .dvc/config: names no remote")
    monkeypatch.setenv("SLURM_CONF", os.devnull)
    assert failure().startswith("error: squeue ")
    assert logs(project) == []
