"""Reading ``.npz`` archives, none of which is trusted to be one."""

import zipfile
import zlib
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
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (ValueError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise StageError(f"{path}: not an .npz archive: {error}") from None
