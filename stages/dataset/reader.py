"""Read files from a source, in a process whose limits the kernel enforces.

``sources`` runs it: standard input is a list of ``Job`` in JSON. The decompressed content of the
files is written to standard output, or the reason of a failure to standard error. The process ends
whatever a server, an archive or npm does: its memory (RLIMIT_DATA), the size of the files that it
writes (RLIMIT_FSIZE) and the bytes that it receives are limited, and a timer, which only received
content extends, kills it.

The module imports nothing of the project, so that it can be run by its path, from any folder.
"""

import gzip
import http.client
import io
import json
import os
import resource
import signal
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

GZIP_MAGIC, IDX_MAGIC = b"\x1f\x8b", b"\x00\x00\x08"
BLOCK_BYTES = 64 * 1024
MEBIBYTE = 1024 * 1024
MAX_CHARACTERS = 200
CONNECT_SECONDS, READ_SECONDS = 5, 10
MAX_REDIRECTS = 5
RETRY = Retry(
    total=2,
    connect=0,
    read=1,
    backoff_factor=0.5,
    status_forcelist=(429, 500, 502, 503, 504),
    respect_retry_after_header=False,
    raise_on_status=False,
)
NPM_PACK = (
    *("npm", "pack", "--ignore-scripts", "--loglevel=error", "--fetch-timeout=10000"),
    *("--fetch-retries=1", "--fetch-retry-mintimeout=500", "--fetch-retry-maxtimeout=500"),
    *("--pack-destination=.", "--"),
)


def one_line(text: str) -> str:
    """Escape unprintable characters, and shorten the text, so that it fits into a message."""
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]}…"


class SourceError(Exception):
    """A file could not be read from a source; the message is one printable line."""

    def __init__(self, reason: str) -> None:
        super().__init__(one_line(reason))


class Limits(NamedTuple):
    """Limits of reading a file.

    Attributes
    ----------
    seconds : time after which the process is killed
    bytes_per_second : bytes of content that extend the time by a second
    npm_seconds : time in which npm must fetch a package
    overhead : bytes that a server may send beyond the file's length, redirects and headers included
    memory : bytes that the process may use, and the length of the longest file that npm may write
    """

    seconds: float = 30
    bytes_per_second: float = 100_000
    npm_seconds: float = 120
    overhead: int = MEBIBYTE
    memory: int = 512 * MEBIBYTE


class Job(NamedTuple):
    """A file to read, by its name in a source; without a name, an npm package to fetch."""

    source: str
    name: str
    size: int
    limits: Limits


def read(job: Job) -> Iterator[bytes]:
    """Yield the content of a file in blocks; the last one after the length is checked.

    Raises
    ------
    SourceError
        for any failure, also if the length differs
    """
    try:
        with _opened(job) as stream:
            yield from _of_length(job.size, _decompressed(stream))
    except SourceError:
        raise
    except MemoryError:
        raise SourceError(
            f"takes more than {job.limits.memory // MEBIBYTE} MiB of memory"
        ) from None
    except Exception as error:  # of any type: the libraries share none for damaged content
        raise SourceError(_reason(error)) from None


def _opened(job: Job) -> AbstractContextManager[io.BufferedReader]:
    if job.source.startswith(("http://", "https://")):
        return _from_website(job)
    return _from_archive(job) if Path(job.source).is_file() else _from_folder(job)


def _decompressed(stream: io.BufferedReader) -> Iterator[bytes]:
    head = stream.peek(len(IDX_MAGIC))[: len(IDX_MAGIC)]
    if head.startswith(GZIP_MAGIC):
        content = cast(BinaryIO, gzip.GzipFile(fileobj=stream))
    elif head == IDX_MAGIC:
        content = stream
    else:
        raise SourceError(f"neither gzip nor IDX, begins with {head!r}")
    while block := content.read(BLOCK_BYTES):
        yield block


def _of_length(expected: int, blocks: Iterator[bytes]) -> Iterator[bytes]:
    size, held = 0, b""
    for block in blocks:
        size += len(block)
        if size > expected:
            raise SourceError(f"longer than {expected} bytes")
        yield held
        held = block
    if size < expected:
        raise SourceError(f"ends after {size} of {expected} bytes")
    yield held


@contextmanager
def _from_website(job: Job) -> Iterator[io.BufferedReader]:
    with ExitStack() as opened:
        session = opened.enter_context(requests.Session())
        session.max_redirects = MAX_REDIRECTS
        session.headers["Accept-Encoding"] = "identity"
        adapter = _MeteredAdapter(job.size + job.limits.overhead)
        session.mount("http://", adapter)
        session.mount("https://", adapter)

        def close_later(response: requests.Response, **_: object) -> None:
            opened.callback(response.close)

        session.hooks["response"] = [close_later]
        for name in _names(job):
            address = f"{job.source.rstrip('/')}/{name}"
            response = session.get(address, timeout=(CONNECT_SECONDS, READ_SECONDS), stream=True)
            if response.status_code != requests.codes.not_found:
                break
        if not response.ok:
            raise SourceError(f"HTTP status {response.status_code} {response.reason}")
        response.raw.auto_close = False  # for BufferedReader, which closes it itself
        yield io.BufferedReader(response.raw, BLOCK_BYTES)


class _MeteredAdapter(HTTPAdapter):
    """Limits the bytes that are received over all connections, each counted from its first byte."""

    def __init__(self, most: int) -> None:
        self._most = self._left = most
        super().__init__(max_retries=RETRY)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return the pool, whose connections count the bytes that they receive."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = partial(self._connection, type(pool).ConnectionCls)
        return pool

    def _connection(self, kind: Callable[..., Any], **options: Any) -> Any:
        connection = kind(**options)
        connection.response_class = self._response
        return connection

    def _response(self, *args: Any, **kwargs: Any) -> http.client.HTTPResponse:
        response = http.client.HTTPResponse(*args, **kwargs)
        response.fp = io.BufferedReader(_Metered(response.fp.detach(), self._receive))
        return response

    def _receive(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise SourceError(f"sends more than {self._most} bytes")


class _Metered(io.RawIOBase):
    """A raw stream that reports the length of each read."""

    def __init__(self, raw: io.RawIOBase, report: Callable[[int], None]) -> None:
        self._raw, self._report = raw, report

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        count = self._raw.readinto(buffer) or 0
        self._report(count)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


@contextmanager
def _from_archive(job: Job) -> Iterator[io.BufferedReader]:
    """Open the file by its base name, without unpacking: paths in the archive have no effect."""
    with tarfile.open(job.source, "r:gz") as archive:
        for member in archive:
            if member.isreg() and PurePosixPath(member.name).name in _names(job):
                yield cast(io.BufferedReader, archive.extractfile(member))
                return
    raise _missing(job)


@contextmanager
def _from_folder(job: Job) -> Iterator[io.BufferedReader]:
    folder = Path(job.source)
    if not folder.is_dir():
        raise SourceError("is not a folder")
    for name in _names(job):
        if (folder / name).is_file():
            with (folder / name).open("rb") as stream:
                yield stream
            return
    raise _missing(job)


def _names(job: Job) -> tuple[str, str]:
    return f"{job.name}.gz", job.name


def _missing(job: Job) -> SourceError:
    return SourceError(f"holds no {job.name}, with or without .gz")


def _reason(error: Exception) -> str:
    """Return the message of the innermost error, which the others wrap."""
    for cause in (getattr(error, "reason", None), *error.args):
        if isinstance(cause, Exception):
            return _reason(cause)
    return str(error).rpartition("): ")[2] or type(error).__name__


def limit(seconds: float, memory: int) -> None:
    """Limit the time and memory of this process, and of a program that replaces it."""
    for kind in (resource.RLIMIT_DATA, resource.RLIMIT_FSIZE):
        _, hard = resource.getrlimit(kind)
        most = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
        resource.setrlimit(kind, (most, hard))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def write(job: Job) -> None:
    """Write the content of a file to standard output, and extend the timer by its length."""
    for block in read(job):
        sys.stdout.buffer.write(block)
        left, _ = signal.getitimer(signal.ITIMER_REAL)
        signal.setitimer(signal.ITIMER_REAL, left + len(block) / job.limits.bytes_per_second)
    sys.stdout.flush()


def main() -> None:
    """Write the content of each file, or execute npm, which writes a package into this folder."""
    for source, name, size, values in json.load(sys.stdin):
        limits = Limits(*values)
        try:
            if name:
                limit(limits.seconds, limits.memory)
                write(Job(source, name, size, limits))
            else:
                limit(limits.npm_seconds, limits.memory)
                os.execvp(NPM_PACK[0], (*NPM_PACK, source))  # noqa: S606
        except SourceError as error:
            sys.exit(str(error))
        except FileNotFoundError:
            sys.exit("needs the program npm, which is not installed")


if __name__ == "__main__":
    main()
