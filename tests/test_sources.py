"""Reading files from a website, a folder or an npm package within limits, and their failures."""

import gzip
import hashlib
import io
import json
import shutil
import tarfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

from stages.shared import sources
from stages.shared.sources import SourceError, located, read

import pytest

from tests import hostile
from tests.hostile import ENDLESS, NAME, OK, Answer, Website, answer

IMAGES = b"\0\0\x08\x03" + bytes(range(256)) * 1000
ZIPPED = gzip.compress(IMAGES)
SHA256 = hashlib.sha256(IMAGES).hexdigest()
LONGEST = 300_000
MISSING = f"contains no {NAME}, with or without .gz"


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sources, "LONGEST", LONGEST)
    monkeypatch.setattr(sources, "MOST", 2**20)
    monkeypatch.setenv("no_proxy", "*")
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def website() -> Iterator[Website]:
    with Website() as website:
        yield website


def content(source: str) -> bytes:
    with located(source) as place:
        return read(place, NAME, SHA256)


def failure(source: str) -> str:
    """Return the reason why a source has no file; to find it must take little memory."""
    tracemalloc.start()
    with pytest.raises(SourceError) as error:
        content(source)
    assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    tracemalloc.stop()
    reason = str(error.value).removeprefix(f"{NAME}: ").removeprefix(f"{NAME}.gz: ")
    assert len(reason.splitlines()) == 1
    return reason


@pytest.mark.parametrize(
    ("path", "page"),
    [
        (f"{NAME}.gz", answer(ZIPPED)),
        (NAME, answer(IMAGES)),
        ("train-images.idx3-ubyte", answer(IMAGES)),
        (f"{NAME}.gz", answer(IMAGES)),
        (f"{NAME}.gz", answer(ZIPPED, "Content-Encoding: gzip")),
    ],
)
def test_website(website: Website, path: str, page: Answer) -> None:
    website.answers[f"/mnist/{path}"] = page
    assert content(f"{website.address}/mnist") == IMAGES
    assert content(f"{website.address}/mnist/") == IMAGES


def test_redirects_are_followed(website: Website) -> None:
    elsewhere = f"Location: {website.address}/elsewhere"
    website.answers[f"/{NAME}.gz"] = answer(b"", elsewhere, status="302 Found")
    website.answers["/elsewhere"] = answer(ZIPPED)
    assert content(website.address) == IMAGES


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (answer(b"<html>"), f"SHA-256 must be {SHA256}, is "),
        (answer(ZIPPED[:-9]), "Compressed file ended before the end-of-stream marker"),
        (answer(gzip.compress(bytes(10**8))), "must be at most 300000 bytes, which "),
        (answer(ZIPPED, f"Content-Length: {LONGEST + 1}"), "Maximum file size exceeded"),
        (answer(ZIPPED, "Content-Length: 99999"), "end of response with "),
        (answer(status="404 Not Found"), "HTTP status 404"),
        (answer(status="503 \x1b[31m\x07"), "HTTP status 503"),
        (lambda: [b""], "Empty reply from server"),
        (answer(b"", f"Location: /{NAME}.gz", status="302 Found"), "Maximum (30) redirects "),
        (answer(b"", "Location: file:///etc", status="302 Found"), 'Protocol "file" '),
    ],
)
def test_faulty_website(website: Website, page: Answer, reason: str) -> None:
    website.answers = {f"/{NAME}.gz": page, f"/{NAME}": page}
    assert failure(website.address).startswith(reason)


@pytest.mark.parametrize("page", ENDLESS.values(), ids=ENDLESS)
def test_an_endless_website_ends(
    website: Website, page: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "SECONDS", 1)
    website.answers[f"/{NAME}.gz"] = page
    assert failure(website.address)


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ("SECONDS", "Operation timed out after 1"),
        ("SLOW_SECONDS", "Operation too slow. Less than 10000 bytes/sec"),
    ],
)
def test_a_dripping_website_is_given_up(
    website: Website, limit: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, limit, 1)
    website.answers[f"/{NAME}.gz"] = hostile.dripping(OK + b"\r\n")
    assert failure(website.address).startswith(reason)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_an_encrypted_website_needs_a_known_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    certificate = hostile.write_certificate(tmp_path / "tüv.pem")
    with Website(certificate) as website:
        website.answers[f"/{NAME}.gz"] = answer(ZIPPED)
        assert "certificate" in failure(website.address)
        monkeypatch.setenv(variable, str(certificate))
        assert content(website.address) == IMAGES
        monkeypatch.setenv(variable, "nowhere.pem")
        assert "nowhere.pem" in failure(website.address)


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY"])
def test_a_proxy_is_used(website: Website, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv(variable, website.address)
    website.answers[f"http://mirror.test/{NAME}.gz"] = answer(ZIPPED)
    assert content("http://mirror.test") == IMAGES


def test_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    folder = tmp_path / "digits"
    folder.mkdir()
    assert failure("digits") == MISSING
    for name in ("train-images.idx3-ubyte", NAME):
        for file, data in ((name, IMAGES), (f"{name}.gz", ZIPPED)):
            (folder / file).write_bytes(data)
            for source in ("digits", str(folder), "~/digits"):
                assert content(source) == IMAGES
            (folder / file).unlink()


@pytest.mark.parametrize(
    "source", ["nowhere", "a\0b", "\ud800", "~nobody/x", "x" * 9999, "http://["]
)
def test_absent_source(source: str) -> None:
    assert failure(source)


needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")


def package(body: bytes, name: str = NAME) -> bytes:
    """Return an archive, as npm's are, with one file."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz", compresslevel=1) as archive:
        info = tarfile.TarInfo(f"package/data/{name}")
        info.size = len(body)
        archive.addfile(info, io.BytesIO(body))
    return file.getvalue()


@pytest.fixture
def registry(website: Website, monkeypatch: pytest.MonkeyPatch) -> Website:
    """A website that serves as npm's registry, with one package, digits@1.0.0."""
    dist = {"tarball": f"{website.address}/digits.tgz"}
    version = {"name": "digits", "version": "1.0.0", "dist": dist}
    metadata = {"name": "digits", "dist-tags": {}, "versions": {"1.0.0": version}}
    website.answers["/digits"] = answer(json.dumps(metadata).encode())
    monkeypatch.setenv("npm_config_registry", website.address)
    monkeypatch.setenv("npm_config_cache", str(Path("npm-cache").absolute()))
    return website


@needs_npm
def test_npm_package(registry: Website, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_pack_destination", "elsewhere")
    registry.answers["/digits.tgz"] = answer(package(IMAGES))
    assert content("npm:digits@1.0.0") == IMAGES
    assert [path.name for path in tmp_path.iterdir()] == ["npm-cache"]


@needs_npm
def test_npm_reports_its_reason(registry: Website, monkeypatch: pytest.MonkeyPatch) -> None:
    assert failure("npm:others@1.0.0").startswith("npm pack: code E404: ")
    registry.answers["/digits"] = hostile.dripping(OK + b"\r\n")
    monkeypatch.setattr(sources, "SECONDS", 0.3)
    assert failure("npm:digits@1.0.0") == "npm pack: takes more than 0.3 s"


def test_npm_must_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert failure("npm:a@1.0.0") == "needs the program npm, which is not installed"


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (b"no archive", "Not a gzipped file"),
        (package(b"", "other"), MISSING),
        (package(bytes(10**8)), "must be at most 300000 bytes, which "),
    ],
    ids=["text", "other", "bomb"],
)
def test_faulty_archive(archive: bytes, reason: str) -> None:
    Path("package.tgz").write_bytes(archive)
    assert failure("package.tgz").startswith(reason)
