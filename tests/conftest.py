"""What the tests share: the small data set, and clones of the project that have run on it."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support import Clone, write_small_dataset

# a deadline would fail tests on a busy machine
settings.register_profile("project", deadline=None)
settings.load_profile("project")


@pytest.fixture(scope="session", autouse=True)
def _own_dvc_configuration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep DVC from this user's settings and caches."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("GLOBAL_CONFIG", "SYSTEM_CONFIG", "SITE_CACHE"):
            patch.setenv(f"DVC_{name}_DIR", str(tmp_path_factory.mktemp(name.lower())))
        yield


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_is_heard() -> None:
    """Undo what a shell does to what it starts in the background, and children inherit."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the four IDX files of a small data set."""
    folder = tmp_path_factory.mktemp("dataset") / "small"
    write_small_dataset(folder)
    return folder


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory, dataset: Path) -> Clone:
    """A clone in which nothing has run; not to be changed."""
    return Clone.create(tmp_path_factory.mktemp("fresh"), dataset)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, fresh: Clone) -> Clone:
    """A clone in which ``dvc repro`` has run; not to be changed."""
    clone = fresh.copy(tmp_path_factory.mktemp("finished") / "clone")
    clone.dvc("repro")
    clone.commit("results")
    return clone


@pytest.fixture
def clone(tmp_path: Path, finished: Clone) -> Clone:
    """A clone in which ``dvc repro`` has run, for this test alone."""
    return finished.copy(tmp_path / "clone")


@pytest.fixture
def workspace(tmp_path: Path, finished: Clone, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the results of a run and no DVC, to call stages in."""
    for name in ("data", "metrics", "plots"):
        shutil.copytree(finished.root / name, tmp_path / name)
    shutil.copy(finished.root / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path
