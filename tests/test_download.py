"""The stage ``download``: mirrors in turn, and the messages about those that fail."""

import json
from pathlib import Path

from stages import download
from stages.shared.datasets import DATASETS
from stages.shared.errors import StageError
from stages.shared.paths import RAW, RAW_DATASET, TEST_IMAGES, TRAIN_IMAGES, TRAIN_LABELS

import pytest

from tests.hostile import Website, answer
from tests.support import CLASSES, ROOT, small_dataset, write_small_dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the small data set alone, which needs no run of the pipeline."""
    folder = tmp_path_factory.mktemp("dataset") / "small"
    write_small_dataset(folder)
    return folder


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("no_proxy", "*")


def download_from(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, *mirrors: str, source: str = "auto"
) -> None:
    """Run the stage for the small data set with these mirrors."""
    monkeypatch.setitem(DATASETS, "small", small_dataset(dataset)._replace(mirrors=mirrors))
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    text = text.replace("dataset: mnist", "dataset: small").replace("auto", source)
    Path("params.yaml").write_text(text, encoding="utf-8")
    download.main()


def test_the_files_are_complete(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    download_from(dataset, monkeypatch, source=str(dataset))
    for path in dataset.iterdir():
        assert (RAW / path.name).read_bytes() == path.read_bytes()
    assert len(list(RAW.iterdir())) == 5
    described = json.loads(RAW_DATASET.read_text(encoding="utf-8"))
    assert described == {"classes": list(CLASSES), "preparation": "centred"}
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out == f"small: 4 files verified, from {dataset}\n"


def test_the_next_mirror_provides_the_files_that_the_first_lacks(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Website() as website:
        images = (dataset / TRAIN_IMAGES.name).read_bytes()
        website.answers[f"/{TRAIN_IMAGES.name}"] = answer(images)
        website.answers[f"/{TRAIN_LABELS.name}"] = answer(b"<html>Please log in</html>")
        download_from(dataset, monkeypatch, website.address, str(dataset))
        assert website.requests.count(f"/{TRAIN_IMAGES.name}") == 1
    assert TEST_IMAGES.read_bytes() == (dataset / TEST_IMAGES.name).read_bytes()
    (warning,) = capsys.readouterr().err.splitlines()
    place = f"warning: {website.address}: {TRAIN_LABELS.name}"
    assert warning.startswith(f"{place}: SHA-256 must be ")
    assert warning.endswith(", of 26 bytes")


def test_mirrors_that_all_fail(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Website() as website:
        pass
    advice = "put train-images-idx3-ubyte, .* and name it as download.source in params.yaml$"
    with pytest.raises(StageError, match=f"raw: no source has small: {advice}"):
        download_from(dataset, monkeypatch, website.address, "nowhere")
    refused, missing = capsys.readouterr().err.splitlines()
    connection = f"{TRAIN_IMAGES.name}.gz: Failed to connect"
    assert refused.startswith(f"warning: {website.address}: {connection}")
    assert missing == "warning: nowhere: is not a folder"
    assert not RAW.exists()
