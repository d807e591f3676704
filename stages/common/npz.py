"""Reading ``.npz`` archives, none of which is trusted to be one."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.common.errors import StageError


def read(path: Path) -> dict[str, NDArray[Any]]:
    """Read every array of the archive; nothing is unpickled.

    Raises
    ------
    StageError
        if the file is no such archive, or a checksum in it is wrong
    """
    with path.open("rb") as file:
        try:
            with np.load(file, allow_pickle=False) as archive:
                arrays = dict(archive)
        except Exception as error:  # NumPy raises all kinds on the way through another file
            raise StageError(f"{path}: not an .npz archive: {error}") from None
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):  # a member that does not begin as an array does
            raise StageError(f"{path}: not an .npz archive: {name} is no array")
    return arrays
