"""Shared fixtures: the small data set, and clones of the project that have run on it."""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from stages.shared.datasets import DATASETS

import hypothesis
import pytest
from filelock import FileLock

from tests.support import TRACING, Clone, prepare, small_dataset

# fixtures of tests that start DVC or make
SLOW = {"clone", "project"}

# the duration of an example depends on the machine
hypothesis.settings.register_profile(
    "untimed",
    deadline=None,
    max_examples=50,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Mark the slow tests: ``pytest -m "not slow"`` runs the others. The longest come first."""
    for item in items:
        if SLOW.intersection(item.fixturenames):
            item.add_marker("slow")
    items.sort(key=lambda item: ("run_sweep" not in item.fixturenames, "slow" not in item.keywords))


def pytest_xdist_auto_num_workers() -> int:
    """Return the number of processes of pytest-xdist: one more, because some tests wait."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session", autouse=True)
def _environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let DVC find this Python as ``python``, and hide the user's settings and caches of DVC."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
        for name in ("GLOBAL_CONFIG", "SYSTEM_CONFIG", "SITE_CACHE"):
            patch.setenv(f"DVC_{name}_DIR", str(tmp_path_factory.mktemp(name.lower())))
        for name in TRACING:  # it would double the time of each process that a test starts
            patch.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def _handle_ctrl_c() -> None:
    """Handle SIGINT: a shell makes background processes ignore it, and children inherit this."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data set and a clone, made once for all processes of pytest-xdist."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    folder = folder / "shared"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            prepare(folder)
    return folder


@pytest.fixture(scope="session")
def dataset(shared: Path) -> Path:
    """A folder with the four IDX files of a small data set."""
    return shared / "small"


@pytest.fixture(scope="session")
def finished(shared: Path) -> Clone:
    """A clone in which ``dvc repro`` has run; not to be changed."""
    return Clone(shared / "finished")


@pytest.fixture
def clone(tmp_path: Path, finished: Clone) -> Clone:
    """A clone in which ``dvc repro`` has run, for this test alone."""
    return finished.copy(tmp_path / "clone")


@pytest.fixture
def workspace(
    tmp_path: Path, finished: Clone, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A current folder with the results of a run and without DVC, to call stages in."""
    for name in ("data", "metrics", "plots"):
        shutil.copytree(finished.root / name, tmp_path / name)
    shutil.copy(finished.root / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(DATASETS, "small", small_dataset(dataset))
    return tmp_path
