"""The stage ``preprocess``: its messages about raw files that are damaged or do not fit."""

import struct
from collections.abc import Callable
from pathlib import Path

from stages import preprocess
from stages.shared.errors import StageError
from stages.shared.paths import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS

import numpy as np
import pytest

from tests.support import idx_bytes

pytestmark = pytest.mark.usefixtures("workspace")


def write_zeros(path: Path, *shape: int) -> int:
    return path.write_bytes(idx_bytes(np.zeros(shape, np.uint8)))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda: TRAIN_LABELS.write_bytes(b"\0\0\x08"),
            f"{TRAIN_LABELS}: ends within its header of 8 bytes",
        ),
        (
            lambda: TRAIN_LABELS.write_bytes(struct.pack(">2I", 2051, 0)),
            f"{TRAIN_LABELS}: magic number must be 2049, is 2051",
        ),
        (
            lambda: TRAIN_LABELS.write_bytes(struct.pack(">2I", 2049, 2**32 - 1)),
            f"{TRAIN_LABELS}: must be 4294967303 bytes for 4294967295, is 8",
        ),
        (
            lambda: TRAIN_IMAGES.write_bytes(TRAIN_IMAGES.read_bytes() + b"x"),
            f"{TRAIN_IMAGES}: must be 470416 bytes for 600 × 28 × 28, is 470417",
        ),
        (lambda: write_zeros(TEST_LABELS, 199), f"{TEST_LABELS}: 199 labels for 200 images"),
        (
            lambda: write_zeros(TRAIN_IMAGES, 600, 28, 27),
            f"{TRAIN_IMAGES}: images must be 28 × 28 pixels, are 28 × 27",
        ),
        (
            lambda: [write_zeros(TEST_IMAGES, 0, 28, 28), write_zeros(TEST_LABELS, 0)],
            f"{TEST_LABELS}: contains no labels",
        ),
        (
            lambda: TEST_LABELS.write_bytes(idx_bytes(np.arange(200, dtype=np.uint8))),
            f"{TEST_LABELS}: label 10 must be below 10, is 10",
        ),
        (
            lambda: Path("params.yaml").write_text("preprocess: {validation_size: 600, seed: 0}"),
            "params.yaml: preprocess.validation_size: must be below 600,"
            " the number of images to split, got 600",
        ),
    ],
)
def test_a_fault_is_named(damage: Callable[[], object], message: str) -> None:
    damage()
    with pytest.raises(StageError) as error:
        preprocess.main()
    assert str(error.value) == message
