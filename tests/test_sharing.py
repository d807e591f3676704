"""Two clones and a remote: one gets the results of the other without training."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from moto.server import ThreadedMotoServer

from tests.support import Clone


@pytest.fixture
def s3() -> Iterator[str]:
    """The address of a server that speaks S3, on loopback."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def another(clone: Clone, root: Path) -> Clone:
    """Clone with git, as on another machine."""
    clone.run("git", "clone", "--quiet", ".", str(root))
    return Clone(root)


def test_pushed_results_are_pulled(
    clone: Clone, tmp_path: Path, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests.put(f"{s3}/{tmp_path.name}", timeout=10).raise_for_status()
    clone.dvc("remote", "add", "--default", "shared", f"s3://{tmp_path.name}/mnist")
    clone.dvc("remote", "modify", "shared", "endpointurl", s3)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "unchecked")
    clone.commit("remote")
    clone.dvc("push")
    other = another(clone, tmp_path / "other")
    other.dvc("pull")
    assert other.outputs() == clone.outputs()
    assert other.repro() == []
    third = another(clone, tmp_path / "third")
    assert third.repro("--pull") == []
    assert third.outputs() == clone.outputs()


def test_an_experiment_is_shared_without_a_commit(clone: Clone, tmp_path: Path) -> None:
    clone.dvc("remote", "add", "--default", "shared", str(tmp_path / "remote"))
    clone.commit("remote")
    clone.run("git", "clone", "--quiet", "--bare", ".", str(tmp_path / "hub"))
    clone.run("git", "remote", "add", "hub", str(tmp_path / "hub"))
    clone.dvc(
        "exp", "run", "--set-param", "train.learning_rate=0.05", "--name", "tried", "evaluate"
    )
    clone.dvc("exp", "push", "hub", "tried")

    clone.run("git", "clone", "--quiet", str(tmp_path / "hub"), str(tmp_path / "other"))
    other = Clone(tmp_path / "other")
    other.dvc("exp", "pull", "origin", "tried")
    other.dvc("exp", "apply", "tried")
    assert "learning_rate: 0.05" in (other.root / "params.yaml").read_text()
    assert other.outputs() == clone.outputs()
    assert other.repro("evaluate") == []
