"""Preprocess: IDX files → normalized images and labels, split into train, validation and test."""

from pathlib import Path

from stages.shared import idx, paths
from stages.shared.datasets import SIDE
from stages.shared.errors import StageError
from stages.shared.files import load_dataset, replacing, write_json
from stages.shared.running import run
from stages.shared.settings import Preprocess, load
from stages.shared.split import stratified_split

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


def main() -> None:
    settings = load(Preprocess)
    dataset = load_dataset(paths.RAW_DATASET)
    images, labels = read(paths.TRAIN_IMAGES, paths.TRAIN_LABELS, len(dataset.classes))
    size = settings.validation_size
    if size >= len(labels):
        raise StageError(
            f"{paths.PARAMETERS}: preprocess.validation_size: must be below {len(labels)},"
            f" the number of images to split, got {size}"
        )

    train, validation = stratified_split(labels, size, np.random.default_rng(settings.seed))
    write("train", images, labels, train)
    write("validation", images, labels, validation)
    images, labels = read(paths.TEST_IMAGES, paths.TEST_LABELS, len(dataset.classes))
    write("test", images, labels, np.arange(len(labels)))
    write_json(paths.DATASET, dataset._asdict())


def read(images_path: Path, labels_path: Path, classes: int) -> tuple[Bytes, Bytes]:
    """Read images (n, 28, 28) and labels (n,) that belong together."""
    images, labels = idx.read(images_path, dimensions=3), idx.read(labels_path, dimensions=1)
    if images.shape[1:] != (SIDE, SIDE):
        height, width = images.shape[1:]
        raise StageError(
            f"{images_path}: images must be {SIDE} × {SIDE} pixels, are {height} × {width}"
        )
    if len(images) != len(labels):
        raise StageError(f"{labels_path}: {len(labels)} labels for {len(images)} images")
    if len(labels) == 0:
        raise StageError(f"{labels_path}: contains no labels")
    if labels.max() >= classes:
        row = int(np.argmax(labels >= classes))
        raise StageError(f"{labels_path}: label {row} must be below {classes}, is {labels[row]}")
    return images, labels


def write(split: str, images: Bytes, labels: Bytes, rows: NDArray[np.intp]) -> None:
    """Write rows of the images as float32 (n, 784) in [0, 1], and of the labels as uint8 (n,)."""
    with replacing(paths.images_path(split)) as file:
        pixels = np.divide(images[rows], 255, dtype="<f4").reshape(len(rows), SIDE * SIDE)
        header = np.lib.format.header_data_from_array_1_0(pixels)
        np.lib.format.write_array_header_1_0(file, header)
        file.write(pixels.data)
    with replacing(paths.labels_path(split)) as file:
        np.save(file, labels[rows])


if __name__ == "__main__":
    run(main)
