"""The stage ``evaluate``: its messages about weights that are damaged or do not fit."""

import io
import zipfile
from collections.abc import Callable
from typing import Any

from stages import evaluate
from stages.files.paths import TEST_METRICS, WEIGHTS
from stages.files.weights import save_network
from stages.running.errors import StageError

import numpy as np
import pytest
from numpy.typing import NDArray

from network.model import Network

pytestmark = pytest.mark.usefixtures("workspace")

HEADER = b"\x93NUMPY\x01\x00\x06\x00"


def zipped(content: bytes) -> bytes:
    """Return an .npz archive of one member."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("W1.npy", content)
    return archive.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        zipped(HEADER + b"{'a' 1"),  # a SyntaxError within NumPy
        zipped(b""),
        zipped(HEADER),
        # a central directory that points before the file
        zipped(HEADER).replace(b"PK\x03\x04", b"")[:-4] + b"\xff\xff\xff\x7f",
    ],
)
def test_malformed_weights_found_by_fuzzing_are_refused(content: bytes) -> None:
    WEIGHTS.write_bytes(content)
    with pytest.raises(StageError, match=r"^data/weights\.npz: (not a valid|must hold W1)"):
        evaluate.main()


def change(**arrays: NDArray[Any]) -> None:
    """Replace or add arrays in the file of weights."""
    with np.load(WEIGHTS) as weights:
        changed = {**weights, **arrays}
    np.savez(WEIGHTS, allow_pickle=True, **changed)


FINITE = "b3 must hold finite float32 numbers"
ALL = "must hold W1, b1, W2, b2"
ZEROS = np.zeros(10, np.float32)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda: WEIGHTS.write_bytes(b""), "not a valid .npz archive: "),
        (lambda: WEIGHTS.write_bytes(b"no archive"), "not a valid .npz archive: "),
        (
            lambda: WEIGHTS.write_bytes(WEIGHTS.read_bytes()[:-1]),
            "not a valid .npz archive: ",
        ),
        (lambda: change(b3=ZEROS + np.nan), FINITE),
        (lambda: change(b3=ZEROS.astype(np.float64)), FINITE),
        (lambda: change(b3=ZEROS[1:]), "b3 must have shape (10,), has (9,)"),
        (lambda: change(b4=ZEROS), f"{ALL}, W3, b3, holds W1"),
        (lambda: change(W1=ZEROS), f"{ALL} and so on, each W a matrix"),
        (lambda: change(b3=np.array([{}] * 10)), "not a valid .npz archive: cannot create"),
        (lambda: change(b3=np.array(["a"] * 10)), FINITE),
        (lambda: save_network(Network([784, 9])), "must be for 784 pixels and 10 classes"),
        (lambda: save_network(Network([783, 10])), "must be for 784 pixels and 10 classes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_weights_that_do_not_fit_are_refused(damage: Callable[[], object], message: str) -> None:
    before = TEST_METRICS.read_bytes()
    damage()
    with pytest.raises(StageError) as error:
        evaluate.main()
    assert str(error.value).startswith(f"data/weights.npz: {message}")
    assert TEST_METRICS.read_bytes() == before


def test_a_flipped_bit_is_refused() -> None:
    content = bytearray(WEIGHTS.read_bytes())
    content[len(content) // 2] ^= 1
    WEIGHTS.write_bytes(content)
    with pytest.raises(StageError, match="Bad CRC-32"):
        evaluate.main()


def test_a_loss_that_is_not_finite_is_refused() -> None:
    with np.load(WEIGHTS) as weights:
        largest = {name: np.full_like(array, 3e38) for name, array in weights.items()}
    np.savez(WEIGHTS, allow_pickle=False, **largest)
    with pytest.raises(StageError, match=r"^data/weights\.npz: the loss on the test set is nan"):
        evaluate.main()
