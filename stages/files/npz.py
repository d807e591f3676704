"""Writing ``.npz`` archives."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

from stages.files.writing import replacing

import numpy as np
from numpy.typing import NDArray


def write_npz(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays as ``np.savez`` does, but with the same bytes on every version of Python.

    The headers of an archive that is written as a stream differ before and after Python 3.11.4.
    """
    with replacing(path) as file, ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            archive.writestr(ZipInfo(f"{name}.npy"), content.getvalue())
