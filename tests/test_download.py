"""The stage ``download``: mirrors in turn, and the messages about those that fail."""

import socket
from pathlib import Path

from stages import download
from stages.shared.datasets import DATASETS
from stages.files.paths import RAW, RAW_CLASSES, TEST_IMAGES, TRAIN_IMAGES, TRAIN_LABELS
from stages.running.errors import StageError

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
def _project(tmp_path: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(DATASETS, "small", small_dataset(dataset))


def download_from(source: str) -> None:
    """Run the stage with that ``download.source``."""
    text = (ROOT / "params.yaml").read_text()
    text = text.replace("dataset: mnist", "dataset: small").replace("auto", source)
    Path("params.yaml").write_text(text)
    download.main()


def test_the_files_are_complete(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    download_from(str(dataset))
    for path in dataset.iterdir():
        assert (RAW / path.name).read_bytes() == path.read_bytes()
    assert len(list(RAW.iterdir())) == 5
    assert CLASSES[0] in RAW_CLASSES.read_text()
    captured = capsys.readouterr()
    assert captured.err == f"small: trying {dataset}\n"
    assert captured.out == f"small: 4 files verified, from {dataset}\n"


def test_the_next_mirror_provides_the_files_that_the_first_lacks(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Website() as website:
        images = (dataset / TRAIN_IMAGES.name).read_bytes()
        website.answers[f"/{TRAIN_IMAGES.name}"] = answer(images)
        website.answers[f"/{TRAIN_LABELS.name}"] = answer(b"<html>Please log in</html>")
        known = small_dataset(dataset)
        mirrors = website.address, *known.mirrors
        monkeypatch.setitem(DATASETS, "small", known._replace(mirrors=mirrors))
        download_from("auto")
    assert TEST_IMAGES.read_bytes() == (dataset / TEST_IMAGES.name).read_bytes()
    assert capsys.readouterr().err.splitlines() == [
        f"small: trying {website.address}",
        f"warning: {website.address}: {TRAIN_LABELS.name}:"
        " neither gzip nor IDX, begins with b'<ht'",
        f"small: trying {dataset}",
    ]


def test_mirrors_that_cannot_be_reached(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    mirrors = f"http://127.0.0.1:{port}", "nowhere"
    monkeypatch.setitem(DATASETS, "small", small_dataset(dataset)._replace(mirrors=mirrors))
    with pytest.raises(StageError) as error:
        download_from("auto")
    first, refused, missing, advice = str(error.value).splitlines()
    assert first == "data/raw: no source had small:"
    assert refused.startswith(f"  {mirrors[0]}: {TRAIN_IMAGES.name}: ")
    assert refused.endswith("Connection refused")
    assert missing == f"  nowhere: {TRAIN_IMAGES.name}: is not a folder"
    assert advice.endswith("and name it as download.source in params.yaml")
    assert capsys.readouterr().err.splitlines() == [
        f"small: trying {mirrors[0]}",
        f"warning: {refused.strip()}",
        "small: trying nowhere",
        f"warning: {missing.strip()}",
    ]
    assert not list(RAW.iterdir())


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (r'"a\0b\e[31m"', r"a\x00b\x1b[31m"),
        (r'"\ud800"', r"\ud800"),
        ("x" * 300_000, "x" * 200 + "…"),
        ("http://[", "http://["),
    ],
)
def test_an_odd_source_is_shown_in_one_line(source: str, shown: str) -> None:
    with pytest.raises(StageError) as error:
        download_from(source)
    _, reason, _ = str(error.value).splitlines()
    assert reason.startswith(f"  {shown}: {TRAIN_IMAGES.name}: ")
    assert reason.isprintable()
