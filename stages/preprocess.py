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
from stages.common.parameters import Section, SectionPart, load, one_of
from stages.common.paths import CLASSES, RAW
from stages.common.split import stratified_split

IMAGE_SHAPE = (28, 28)

Bytes = NDArray[np.uint8]


class Download(SectionPart):
    dataset: Annotated[str, one_of(DATASETS)]


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
    write("train", images[train], labels[train])
    write("validation", images[validation], labels[validation])
    write("test", *read(TEST_IMAGES, TEST_LABELS, len(classes)))
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


def write(split: str, images: Bytes, labels: Bytes) -> None:
    """Write images as float32 (n, 784) in [0, 1] and labels as uint8 (n,)."""
    pixels = images.reshape(len(images), math.prod(IMAGE_SHAPE))
    with replacing(processed.images_path(split)) as file:
        np.save(file, np.divide(pixels, 255, dtype=np.float32))
    with replacing(processed.labels_path(split)) as file:
        np.save(file, labels)


if __name__ == "__main__":
    run(main)
