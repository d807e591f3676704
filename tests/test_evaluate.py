"""The stage ``evaluate``: weights that are damaged, and arrays that do not fit."""

from collections.abc import Callable

from stages import evaluate
from stages.shared.errors import StageError
from stages.shared.paths import TEST_METRICS, WEIGHTS, images_path

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("workspace")


def flip_a_bit() -> None:
    content = bytearray(WEIGHTS.read_bytes())
    content[len(content) // 2] ^= 1
    WEIGHTS.write_bytes(content)


def crop() -> None:
    with np.load(WEIGHTS) as weights:
        np.savez(WEIGHTS, allow_pickle=False, **{**weights, "W1": weights["W1"][:600]})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda: WEIGHTS.write_bytes(b""), "No data left in file"),
        (lambda: WEIGHTS.write_bytes(b"no archive"), "This file contains pickled"),
        (lambda: WEIGHTS.write_bytes(WEIGHTS.read_bytes()[:-1]), "File is not a zip file"),
        (flip_a_bit, "Bad CRC-32"),
        (lambda: np.savez(WEIGHTS, W1=np.zeros(10, np.float32)), "must "),
        (crop, "must be for 784 pixels and 10 classes"),
    ],
    ids=["empty", "text", "truncated", "bit", "vector", "pixels"],
)
def test_weights_that_cannot_be_evaluated_are_named(
    damage: Callable[[], object], message: str
) -> None:
    before = TEST_METRICS.read_bytes()
    damage()
    with pytest.raises(StageError) as error:
        evaluate.main()
    assert str(error.value).startswith(f"{WEIGHTS}: {message}")
    assert TEST_METRICS.read_bytes() == before


def test_a_folder_in_the_place_of_an_output_is_named() -> None:
    TEST_METRICS.unlink()
    TEST_METRICS.mkdir()
    with pytest.raises(OSError, match=TEST_METRICS.name) as error:
        evaluate.main()
    assert error.value.filename == str(TEST_METRICS)


def test_images_of_another_size_are_named() -> None:
    path = images_path("test")
    np.save(path, np.load(path)[:, :600])
    with pytest.raises(StageError) as error:
        evaluate.main()
    assert str(error.value) == f"{path}: must have shape (n, 784), has (200, 600)"
