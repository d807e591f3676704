"""Preprocess: IDX files → normalized images and labels, split into train, validation and test."""

import math
from pathlib import Path

from stages.files import paths, processed
from stages.files.reading import read_json
from stages.files.writing import replacing, write_json
from stages.running.errors import StageError
from stages.running.runner import run
from stages.settings.preprocess import Preprocess
from stages.settings.section import load
from stages.shared import idx
from stages.shared.split import stratified_split

import numpy as np
from numpy.typing import NDArray

IMAGE_SHAPE = (28, 28)
ROWS_AT_A_TIME = 1000

Bytes = NDArray[np.uint8]


def main() -> None:
    settings = load("preprocess", Preprocess)
    classes = read_json(paths.RAW_DATASET)["classes"]
    images, labels = read(paths.TRAIN_IMAGES, paths.TRAIN_LABELS, len(classes))
    size = settings.validation_size
    if size >= len(labels):
        raise StageError(
            f"params.yaml: preprocess.validation_size: must be below {len(labels)},"
            f" the number of images to split, got {size}"
        )

    train, validation = stratified_split(labels, size, np.random.default_rng(settings.seed))
    write("train", images, labels, train)
    write("validation", images, labels, validation)
    images, labels = read(paths.TEST_IMAGES, paths.TEST_LABELS, len(classes))
    write("test", images, labels, np.arange(len(labels)))
    write_json(paths.CLASSES, classes)


def read(images_path: Path, labels_path: Path, classes: int) -> tuple[Bytes, Bytes]:
    """Read images (n, 28, 28) and labels (n,) that belong together."""
    images, labels = idx.read(images_path, dimensions=3), idx.read(labels_path, dimensions=1)
    if images.shape[1:] != IMAGE_SHAPE:
        height, width = images.shape[1:]
        raise StageError(f"{images_path}: images must be 28 × 28, are {height} × {width}")
    if len(images) != len(labels):
        raise StageError(f"{labels_path}: {len(labels)} labels for {len(images)} images")
    if len(labels) == 0:
        raise StageError(f"{labels_path}: holds no labels")
    if labels.max() >= classes:
        row = int(np.argmax(labels >= classes))
        raise StageError(f"{labels_path}: label {row} must be below {classes}, is {labels[row]}")
    return images, labels


def write(split: str, images: Bytes, labels: Bytes, rows: NDArray[np.intp]) -> None:
    """Write rows of the images as float32 (n, 784) in [0, 1], and of the labels as uint8 (n,).

    Images are converted some at a time, so that memory never holds all of them as float32.
    """
    shape = (len(rows), math.prod(IMAGE_SHAPE))
    with replacing(processed.images_path(split)) as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, len(rows), ROWS_AT_A_TIME):
            pixels = images[rows[start : start + ROWS_AT_A_TIME]]
            file.write(np.divide(pixels, 255, dtype="<f4").data)
    with replacing(processed.labels_path(split)) as file:
        np.save(file, labels[rows])


if __name__ == "__main__":
    run(main)
