"""Feed a reader with what a coverage-guided fuzzer thinks up: ``python -m tests.fuzz READER``.

Only a StageError may come out. Options after the reader's name go to libFuzzer, such as
``-max_total_time=300``; a finding is written to a file named after it.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

with atheris.instrument_imports(include=["numpy.lib", "stages", "yaml", "zipfile"]):
    import numpy as np

    from network.model import Network
    from stages.common import idx, npz
    from stages.common.errors import StageError
    from stages.common.parameters import load
    from stages.common.paths import PARAMETERS
    from stages.train import Parameters

from tests.support import ROOT, idx_bytes

MEGABYTES = 1024


def read_idx(path: Path) -> None:
    """Read the file as images."""
    idx.read(path, dimensions=3)


def read_parameters(path: Path) -> None:
    """Read the file as params.yaml."""
    path.rename(PARAMETERS)
    load(Parameters)


def read_weights(path: Path) -> None:
    """Read the file as weights."""
    with suppress(ValueError):  # which evaluate puts into words
        Network([4, 3, 2]).assign(npz.read(path))


READERS = {"idx": read_idx, "parameters": read_parameters, "weights": read_weights}


def write_seeds(reader: str, folder: Path) -> None:
    """Write what is right, for the fuzzer to begin with."""
    if reader == "idx":
        (folder / "images").write_bytes(idx_bytes(np.zeros((2, 3, 4), np.uint8)))
    elif reader == "parameters":
        (folder / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    else:
        np.savez(folder / "weights.npz", allow_pickle=False, **Network([4, 3, 2]).arrays())


def main() -> None:
    """Fuzz until the time is over or something else than a StageError comes out."""
    reader, *options = sys.argv[1:]
    read = READERS[reader]
    with TemporaryDirectory() as folder:
        findings = Path(f"fuzz-{reader}-").absolute()
        os.chdir(folder)
        path, seeds = Path("input"), Path("seeds")
        seeds.mkdir()
        write_seeds(reader, seeds)

        def try_one(content: bytes) -> None:
            path.write_bytes(content)
            with suppress(StageError):
                read(path)

        limits = [f"-rss_limit_mb={MEGABYTES}", f"-artifact_prefix={findings}"]
        atheris.Setup([sys.argv[0], *limits, *options, str(seeds)], try_one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
