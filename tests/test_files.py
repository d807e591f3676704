"""Damaged arrays and class names, as the stages read them."""

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from types import ModuleType
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from stages import evaluate, plot_predictions, train
from stages.files import processed
from stages.files.paths import CLASSES
from stages.files.reading import START, number, read_npy, read_npz
from stages.files.writing import partial, write_table
from stages.running.errors import StageError

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("workspace")

NOT_NPY = "not a valid .npy file: "
SHAPE = "must be float32 of shape (n, pixels), is "


@pytest.mark.parametrize("stage", [train, evaluate, plot_predictions])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(b""), f"images.npy: {NOT_NPY}"),
        (lambda path: path.write_bytes(b"no array"), f"images.npy: {NOT_NPY}"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), f"images.npy: {NOT_NPY}"),
        (lambda path: np.save(path, np.array([{}])), f"images.npy: {NOT_NPY}"),
        (
            lambda path: np.save(path, np.zeros((500, 784))),
            f"images.npy: {SHAPE}float64 of shape (500, 784)",
        ),
        (
            lambda path: np.save(path, np.zeros((500, 0), np.float32)),
            f"images.npy: {SHAPE}float32 of shape (500, 0)",
        ),
        (
            lambda path: np.save(path, np.zeros((5, 784), np.float32)),
            "labels.npy: must be uint8 of shape (5,), as there are images, is uint8 of shape (",
        ),
        (
            lambda path: np.save(path, np.full_like(np.load(path), np.nan)),
            "images.npy: must hold numbers in [0, 1]",
        ),
        (
            lambda path: np.save(path, np.load(path) + np.float32(0.01)),
            "images.npy: must hold numbers in [0, 1]",
        ),
        (
            lambda path: np.save(path, np.load(path) - np.float32(0.01)),
            "images.npy: must hold numbers in [0, 1]",
        ),
    ],
    ids=[
        *("empty", "text", "truncated", "pickle", "float64", "columns", "rows", "NaN"),
        *("white", "black"),
    ],
)
def test_images_are_checked_by_their_readers(
    stage: ModuleType, damage: Callable[[Path], object], message: str
) -> None:
    split = "train" if stage is train else "test"
    damage(processed.images_path(split))
    with pytest.raises(StageError) as error:
        stage.main()
    assert str(error.value).startswith(f"data/processed/{split}_{message}")


def test_a_header_of_four_gigabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "array"
    path.write_bytes(b"\x93NUMPY\x03\0\0\0\0\xff{'descr': ")
    with pytest.raises(StageError, match=f"^{path}: not a valid .npy file: must begin with b'"):
        read_npy(path)


def test_a_header_that_the_parser_has_no_memory_for_is_refused(tmp_path: Path) -> None:
    text = b"-" * 9000 + b"1\n"
    array = START + b"\0" + len(text).to_bytes(2, "little") + text
    path, archive = tmp_path / "array.npy", tmp_path / "arrays.npz"
    path.write_bytes(array)
    with ZipFile(archive, "w") as file:
        file.writestr("W1.npy", array)
    with pytest.raises(StageError, match=f"^{path}: not a valid .npy file: Header info length"):
        read_npy(path)
    with pytest.raises(StageError, match=f"^{archive}: not a valid .npz archive: Header info"):
        read_npz(archive)


def header(shape: tuple[int, ...]) -> bytes:
    """Return a ``.npy`` file that states a shape of float32, and holds nothing of it."""
    file = BytesIO()
    description = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, description)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "compression", "stated", "reason"),
    [
        (header((1 << 40,)), ZIP_STORED, None, "cannot reshape array of size 0 into shape"),
        (header((1 << 40,)), ZIP_STORED, (1 << 31) - 1, "must not state larger arrays than it"),
        (bytes(1 << 20), ZIP_DEFLATED, None, "must hold its arrays uncompressed"),
    ],
    ids=["shape", "size", "compressed"],
)
def test_an_archive_that_states_more_than_it_holds_is_refused(
    content: bytes, compression: int, stated: int | None, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "arrays.npz"
    with ZipFile(path, "w", compression) as archive:
        archive.writestr("W1.npy", content)
        if stated is not None:
            archive.infolist()[0].compress_size = archive.infolist()[0].file_size = stated
    with pytest.raises(StageError, match=f"^{path}: not a valid .npz archive: {reason}"):
        read_npz(path)


def test_labels_must_be_below_the_classes() -> None:
    path = processed.labels_path("test")
    np.save(path, np.load(path) + np.uint8(1))
    with pytest.raises(StageError, match="must hold labels below 10, the number of classes, hold"):
        evaluate.main()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "not valid JSON: "),
        ("[" * 100_000, "not valid JSON: "),
        ("{}", "must be a list of names"),
        ("[1]", "must be a list of names"),
        ("[]", "must hold from 2 to 256 different names"),
        ('["a", "a"]', "must hold from 2 to 256 different names"),
    ],
    ids=lambda text: text[:9],
)
def test_names_of_classes_are_checked(content: str, message: str) -> None:
    CLASSES.write_text(content)
    with pytest.raises(StageError, match=f"^data/processed/classes.json: {message}"):
        evaluate.main()


def test_a_long_number_is_shortened_in_the_message() -> None:
    with pytest.raises(ValueError, match=r"^must be in \[0, 1\], is 9{40}$"):
        number(0, 1)("9" * 50)


def test_a_table_can_be_read_while_it_is_written() -> None:
    path, seen = Path("table.csv"), []

    def rows() -> Iterator[tuple[int, str]]:
        for row in ((1, "a"), (2, "b,c")):
            seen.append(partial(path).read_text())
            assert not path.exists()
            yield row

    write_table(path, ("number", "text"), rows())
    assert seen == ["number,text\n", "number,text\n1,a\n"]
    assert path.read_text() == 'number,text\n1,a\n2,"b,c"\n'
