"""Reading files from a website, an archive or a folder, and the failures of each."""

import gzip
import io
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from stages.shared import reader
from stages.shared.reader import Job, Limits, SourceError, one_line, read

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hostile import (
    ENDLESS,
    NAME,
    SPARSE,
    Answer,
    Website,
    answer,
    answering,
    member,
    seconds_of_processor,
    with_checksums,
    write_certificate,
)
from tests.support import idx_bytes

IMAGES = idx_bytes(np.random.default_rng(0).integers(0, 256, (100, 28, 28), np.uint8))
ZIPPED = gzip.compress(IMAGES)
LIMITS = Limits(overhead=100_000)


@pytest.fixture
def website(monkeypatch: pytest.MonkeyPatch) -> Iterator[Website]:
    monkeypatch.setattr(reader, "RETRY", reader.RETRY.new(backoff_factor=0))
    with Website() as website:
        yield website


def content(source: object) -> bytes:
    return b"".join(read(Job(str(source), NAME, len(IMAGES), LIMITS)))


def failure(source: object) -> str:
    with pytest.raises(SourceError) as error:
        content(source)
    return str(error.value)


def chunked(body: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:99], body[99:], b""))


@pytest.mark.parametrize(
    ("suffix", "page"),
    [
        (".gz", answer(ZIPPED)),
        ("", answer(IMAGES)),
        (".gz", answer(IMAGES)),
        (".gz", answer(chunked(ZIPPED), "Transfer-Encoding: chunked")),
        (".gz", answer(ZIPPED[:9] + ZIPPED[9:], "Content-Encoding: gzip")),
        (".gz", lambda: [b"HTTP/1.1 100 Continue\r\n\r\n", *answer(ZIPPED)()]),
    ],
)
def test_website(website: Website, suffix: str, page: Answer) -> None:
    website.answers[f"/mnist/{NAME}{suffix}"] = page
    assert content(f"{website.address}/mnist") == IMAGES
    assert content(f"{website.address}/mnist/") == IMAGES


def test_redirects_are_followed(website: Website) -> None:
    elsewhere = f"Location: {website.address}/elsewhere"
    website.answers[f"/{NAME}.gz"] = answer(b"moved", elsewhere, status="301 Moved Permanently")
    website.answers["/elsewhere"] = answer(ZIPPED)
    assert content(website.address) == IMAGES


def test_a_server_error_is_retried_twice(website: Website) -> None:
    pages = [answer(ZIPPED), answer(status="500 Down"), answer(status="503 Busy")]

    def next_page() -> Iterable[bytes]:
        return pages.pop()()

    website.answers[f"/{NAME}.gz"] = next_page
    assert content(website.address) == IMAGES
    website.answers[f"/{NAME}.gz"] = answer(status="502 Bad Gateway")
    website.requests.clear()
    assert failure(website.address) == "HTTP status 502 Bad Gateway"
    assert len(website.requests) == 3


def redirect(location: str) -> Answer:
    return answer(b"", f"Location: {location}", status="302 Found")


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (answer(), "neither gzip nor IDX, begins with b''"),
        (answer(b"<html>"), "neither gzip nor IDX, begins with b'<ht'"),
        (answer(IMAGES[:-1]), "ends after 78415 of 78416 bytes"),
        (answer(gzip.compress(IMAGES + b"x")), "longer than 78416 bytes"),
        (answer(ZIPPED[:-9]), "Compressed file ended before the end-of-stream marker"),
        (answer(ZIPPED[:-8] + b"12345678"), "CRC check failed"),
        (answer(ZIPPED[:50] + ZIPPED[51:]), "Error -3 while decompressing data"),
        (answer(b"\x1f\x8bxxxxxxxxxxxxxx"), "Unknown compression method"),
        (answer(ZIPPED, "Content-Length: 99999"), "IncompleteRead(78459 bytes read, 21540 more"),
        (answer(b"5\r\nab", "Transfer-Encoding: chunked"), "IncompleteRead(0 bytes read)"),
        (answer(b"x\r\n", "Transfer-Encoding: chunked"), "IncompleteRead(0 bytes read)"),
        (answer(status="403 Forbidden"), "HTTP status 403 Forbidden"),
        (answer(status="403 \x1b[31m\x07"), r"HTTP status 403 \x1b[31m\x07"),
        (answer(status="403 " + "x" * 3000), "HTTP status 403 xxx"),
        (answer(status="nonsense"), r"HTTP/1.1 nonsense\r\n"),
        (lambda: [b""], "Remote end closed connection without response"),
        (redirect(f"/{NAME}.gz"), "Exceeded 5 redirects."),
        (redirect("http://["), "Invalid IPv6 URL"),
        (redirect("\xff\xfe"), "'utf-8' codec can't decode byte 0xff"),
        (redirect("http://127.0.0.1:99999/"), "Port out of range 0-65535"),
        (redirect("file:///etc/passwd"), "No connection adapters were found for 'file:"),
    ],
)
def test_faulty_website(website: Website, page: Answer, reason: str) -> None:
    website.answers[f"/{NAME}.gz"] = page
    message = failure(website.address)
    assert message.startswith(reason)
    assert len(message) <= 201


@pytest.mark.parametrize("page", ENDLESS.values(), ids=ENDLESS)
def test_endless_website(website: Website, page: Answer) -> None:
    website.answers = dict.fromkeys((f"/{NAME}.gz", "/"), page)
    assert failure(website.address) == f"sends more than {len(IMAGES) + 100_000} bytes"


def test_an_encrypted_website_is_metered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = write_certificate(tmp_path / "certificate.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with Website(certificate) as website:
        website.answers[f"/{NAME}.gz"] = answer(ZIPPED)
        assert content(website.address) == IMAGES
        website.answers[f"/{NAME}.gz"] = ENDLESS["error page"]
        assert failure(website.address) == f"sends more than {len(IMAGES) + 100_000} bytes"


def test_absent_website(monkeypatch: pytest.MonkeyPatch) -> None:
    with Website() as website:
        pass
    assert "Connection refused" in failure(website.address)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nope")
    message = failure(website.address.replace("http", "https"))
    assert message == "Could not find a suitable TLS CA certificate bundle, invalid path: /nope"


WORDS = [
    *(b"HTTP/1.1 ", b"200 OK", b"100 Continue", b"302 Found", b"404", b"\r\n", b"\r\n\r\n"),
    *(b"Location: ", b"http://[", b"/", b"Content-Length: ", b"-1", b"9", b"Set-Cookie: a=b"),
    *(b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n", b"3\r\n", b"0\r\n\r\n"),
    *(b"HTTP/1.1 200 OK\r\n\r\n", b"\x1f\x8b\x08\0", ZIPPED[:99], IMAGES[:99]),
]


@given(st.lists(st.sampled_from(WORDS) | st.binary(max_size=8)).map(b"".join))
def test_any_bytes_of_a_website_are_content_or_one_line(sent: bytes) -> None:
    with answering(sent):
        read_or_one_line("http://mirror.test")


def read_or_one_line(source: str) -> None:
    try:
        result = repr(content(source))
    except SourceError as error:
        result = str(error)
    assert result
    assert result.isprintable()


def archive(folder: Path, content: bytes) -> Path:
    path = folder / "package.tgz"
    path.write_bytes(gzip.compress(content, compresslevel=1))
    return path


def test_archive(tmp_path: Path) -> None:
    other = member("package/package.json", b"{}")
    for path in (f"package/data/{NAME}", f"../../{NAME}", f"/etc/{NAME}"):
        assert content(archive(tmp_path, other + member(path, IMAGES))) == IMAGES
        assert content(archive(tmp_path, member(f"{path}.gz", ZIPPED))) == IMAGES
    assert [path.name for path in tmp_path.iterdir()] == ["package.tgz"]


MISSING = f"holds no {NAME}, with or without .gz"


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        (b"", "empty file"),
        (b"no archive", "truncated header"),
        (bytes(10_240), MISSING),
        (member("package/other", IMAGES), MISSING),
        (member(NAME, kind=tarfile.SYMTYPE, linkname="/etc/passwd"), MISSING),
        (member(NAME, kind=tarfile.LNKTYPE, linkname="../../etc/passwd"), MISSING),
        (member(NAME, kind=tarfile.CHRTYPE), MISSING),
        (member(NAME, kind=tarfile.FIFOTYPE), MISSING),
        (member(NAME, IMAGES)[:5_000], "unexpected end of data"),
        (SPARSE["map"], "invalid literal for int()"),
        (SPARSE["size"], "invalid literal for int()"),
        (SPARSE["1.0"], "invalid literal for int()"),
    ],
)
def test_faulty_archive(tmp_path: Path, members: bytes, reason: str) -> None:
    assert failure(archive(tmp_path, members)).startswith(reason)


GOOD = member("x", b"13 path=abcd\n", tarfile.XHDTYPE) + SPARSE["sound"]


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=12))))
def test_any_bytes_of_an_archive_are_content_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[int, bytes]]
) -> None:
    edited = io.BytesIO(GOOD)
    for place, piece in edits:
        edited.seek(place)
        edited.write(piece)
    content = with_checksums(edited.getvalue())
    with seconds_of_processor(5):
        read_or_one_line(str(archive(tmp_path_factory.getbasetemp(), content)))


def test_folder(tmp_path: Path) -> None:
    assert failure(tmp_path) == MISSING
    (tmp_path / NAME).write_bytes(IMAGES)
    assert content(tmp_path) == IMAGES
    (tmp_path / f"{NAME}.gz").write_bytes(ZIPPED)
    assert content(tmp_path) == IMAGES


@pytest.mark.parametrize("source", ["", "nowhere", "a\0b", "\ud800", "x" * 300_000])
def test_absent_folder(source: str) -> None:
    assert failure(source)


@given(st.text("ab\0\n\r\x1b\x85\u2028\u202e\udcff", max_size=300))
def test_one_line(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert len(line) <= 201
    assert line == text or not text.isprintable() or len(text) > 200
