"""Writing and reading the pipeline's files.

A file is written under a temporary name and renamed when it is complete, so that none is ever
half-written under its final name. An existing file, which may be a link into DVC's cache, is
replaced and never changed. A file that cannot be read is named in a ``StageError``.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from zipfile import BadZipFile, ZipFile, ZipInfo

from stages.shared.datasets import SIDE, Preparation
from stages.shared.errors import StageError
from stages.shared.inputs import watch
from stages.shared.paths import DATASET, HISTORY, PREDICTIONS, WEIGHTS, images_path, labels_path

import numpy as np
from numpy.typing import NDArray

from network.model import Network

PIXELS = SIDE * SIDE
UNIX = 3  # as the system that has written an archive, on every system


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file that is renamed to ``path`` when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(path)
    except BaseException as error:
        if isinstance(error, OSError):  # a failed write names no file, and a rename its source
            error.filename = error.filename2 or error.filename or str(path)
        partial.unlink(missing_ok=True)
        raise


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write ``content`` as indented JSON in UTF-8."""
    with replacing(path) as file:
        file.write((json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Write CSV in UTF-8, row by row as ``rows`` yields them."""
    with replacing(path) as file, io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
        table = csv.writer(text, lineterminator="\n")
        table.writerow(columns)
        for row in rows:
            table.writerow(row)
            text.flush()


def write_npz(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays as ``np.savez`` does, but with the same bytes on every Python and system."""
    with replacing(path) as file, ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            member = ZipInfo(f"{name}.npy")
            member.create_system = UNIX
            archive.writestr(member, content.getvalue())


def rounded(scores: Mapping[str, float]) -> dict[str, float]:
    """Round to six decimals, more than are significant in a loss or an accuracy."""
    return {name: round(score, 6) for name, score in scores.items()}


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Watch a file that the stage reads, and name it in an error that a library raises."""

    def version() -> tuple[int, int, int]:  # differs if the same file is saved again
        status = path.stat()
        return status.st_ino, status.st_size, status.st_mtime_ns

    watch(path, version)
    try:
        yield
    except (ValueError, KeyError, EOFError, BadZipFile) as error:
        raise StageError(f"{path}: {error}") from None


class Dataset(NamedTuple):
    """The names of the classes 0, 1, …, and how a picture becomes an image of the data set."""

    classes: list[str]
    preparation: Preparation


def load_dataset(path: Path = DATASET) -> Dataset:
    """Read the description of the data set."""
    with reading(path):
        content = json.loads(path.read_bytes())
        return Dataset(content["classes"], content["preparation"])


def load_images(split: str) -> NDArray[np.float32]:
    """Read the images (n, 784) of a split, memory-mapped."""
    with reading(images_path(split)):
        images: NDArray[np.float32] = np.load(images_path(split), mmap_mode="r").view(np.ndarray)
        if images.shape[1:] != (PIXELS,):
            raise ValueError(f"must have shape (n, {PIXELS}), has {images.shape}")
    return images


def load_split(split: str) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Read the images (n, 784) and the labels (n,) of a split."""
    with reading(labels_path(split)):
        return load_images(split), np.load(labels_path(split))


def load_history() -> list[dict[str, float]]:
    """Read the scores of each epoch; a split without images has none."""
    with reading(HISTORY), HISTORY.open(encoding="utf-8", newline="") as file:
        return [
            {name: float(score) for name, score in row.items() if score}
            for row in csv.DictReader(file)
        ]


def load_network() -> Network:
    """Build the network from its weights and biases, whose shapes determine its layers."""
    expected = PIXELS, len(load_dataset().classes)
    with reading(WEIGHTS), WEIGHTS.open("rb") as file, np.load(file) as arrays:
        network = Network.from_state_dict(arrays)
        if (network.sizes[0], network.sizes[-1]) != expected:
            raise ValueError("must be for {} pixels and {} classes".format(*expected))
    return network


class Predictions(NamedTuple):
    """The test images, and the predictions of ``evaluate`` for each.

    Attributes
    ----------
    images : (n, 784), in [0, 1]
    labels : (n,), the actual classes
    probabilities : (n, classes)
    classes : names of the classes
    """

    images: NDArray[np.float32]
    labels: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    classes: list[str]

    @property
    def predicted(self) -> NDArray[np.intp]:
        """The classes of the largest probability: (n,)."""
        predicted: NDArray[np.intp] = self.probabilities.argmax(axis=1)
        return predicted

    @property
    def confidence(self) -> NDArray[np.float32]:
        """The largest probabilities: (n,)."""
        confidence: NDArray[np.float32] = self.probabilities.max(axis=1)
        return confidence


def load_predictions() -> Predictions:
    """Read the test images with their labels and predictions."""
    with reading(PREDICTIONS), PREDICTIONS.open("rb") as file, np.load(file) as arrays:
        labels, probabilities = arrays["labels"], arrays["probabilities"]
    return Predictions(load_images("test"), labels, probabilities, load_dataset().classes)
