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

with atheris.instrument_imports(include=["numpy.lib", "ruamel", "stages", "zipfile"]):
    from stages.dataset import idx
    from stages.files.paths import PARAMETERS, WEIGHTS
    from stages.files.reading import read_npy
    from stages.files.weights import load_network, save_network
    from stages.plot_loss import read_history
    from stages.running.errors import StageError
    from stages.settings.section import load
    from stages.settings.train import Train

    import numpy as np

    from network.model import Network

from tests.support import ROOT, idx_bytes

MEGABYTES = 1024


def read_idx(path: Path) -> None:
    """Read the file as images."""
    idx.read(path, dimensions=3)


def read_parameters(path: Path) -> None:
    """Read the file as params.yaml."""
    path.rename(PARAMETERS)
    load("train", Train)


def read_weights(path: Path) -> None:
    """Read the file as weights."""
    path.rename(WEIGHTS)
    load_network()


READERS = {
    "idx": read_idx,
    "parameters": read_parameters,
    "weights": read_weights,
    "npy": read_npy,
    "csv": read_history,
}


def write_seeds(reader: str, folder: Path) -> None:
    """Write what is right, for the fuzzer to begin with."""
    if reader == "idx":
        (folder / "images").write_bytes(idx_bytes(np.zeros((2, 3, 4), np.uint8)))
    elif reader == "parameters":
        (folder / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    elif reader == "weights":
        save_network(Network([4, 3, 2]))
        WEIGHTS.rename(folder / "weights.npz")
    elif reader == "npy":
        np.save(folder / "images.npy", np.zeros((2, 3), np.float32))
    else:
        header = "epoch,train_loss,validation_loss,train_accuracy,validation_accuracy"
        (folder / "history.csv").write_text(f"{header}\n1,0.5,,0.9,\n")


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
