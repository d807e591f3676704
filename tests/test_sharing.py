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
    clone.run("git", "clone", "--quiet", ".", str(tmp_path / "other"))
    other = Clone(tmp_path / "other")
    other.dvc("pull")
    assert other.repro() == []
    assert other.outputs() == clone.outputs()
