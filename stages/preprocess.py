"""Preprocess: IDX files → normalized images and labels, split into train, validation and test."""

import math
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from stages.common import idx, processed
from stages.common.datasets import (
    DATASETS,
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
)
from stages.common.errors import StageError, run
from stages.common.files import replacing, write_json
from stages.common.parameters import OneOf, Section, SectionPart, load
from stages.common.paths import CLASSES, RAW
from stages.common.split import stratified_split

IMAGE_SHAPE = (28, 28)
ROWS_AT_A_TIME = 1000

Bytes = NDArray[np.uint8]


class Download(SectionPart):
    dataset: Annotated[str, OneOf(DATASETS)]


class Preprocess(Section):
    validation_size: int = Field(ge=0)
    seed: int = Field(ge=0)


class Parameters(BaseModel):
    download: Download
    preprocess: Preprocess


def main() -> None:
    parameters = load(Parameters)
    classes = DATASETS[parameters.download.dataset].classes
    images, labels = read(TRAIN_IMAGES, TRAIN_LABELS, len(classes))
    size = parameters.preprocess.validation_size
    if size >= len(labels):
        raise StageError(
            f"params.yaml: preprocess.validation_size: must be below {len(labels)},"
            f" the number of images to split, got {size}"
        )

    generator = np.random.default_rng(parameters.preprocess.seed)
    train, validation = stratified_split(labels, size, generator)
    write("train", images, labels, train)
    write("validation", images, labels, validation)
    images, labels = read(TEST_IMAGES, TEST_LABELS, len(classes))
    write("test", images, labels, np.arange(len(labels)))
    write_json(CLASSES, list(classes))


def read(images_name: str, labels_name: str, classes: int) -> tuple[Bytes, Bytes]:
    """Read images (n, 28, 28) and labels (n,) that belong together."""
    images = idx.read(RAW / images_name, dimensions=3)
    labels = idx.read(RAW / labels_name, dimensions=1)
    if images.shape[1:] != IMAGE_SHAPE:
        height, width = images.shape[1:]
        raise StageError(f"{RAW / images_name}: images must be 28 × 28, are {height} × {width}")
    if len(images) != len(labels):
        raise StageError(f"{RAW / labels_name}: {len(labels)} labels for {len(images)} images")
    if len(labels) == 0:
        raise StageError(f"{RAW / labels_name}: holds no labels")
    if labels.max() >= classes:
        row = int(np.argmax(labels >= classes))
        raise StageError(
            f"{RAW / labels_name}: label {row} must be below {classes}, is {labels[row]}"
        )
    return images, labels


def write(split: str, images: Bytes, labels: Bytes, rows: NDArray[np.intp]) -> None:
    """Write rows of the images as float32 (n, 784) in [0, 1], and of the labels as uint8 (n,).

    Images are converted some at a time, so that memory never holds the set as float32.
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
