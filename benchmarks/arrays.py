"""The arrays of all measurements."""

from pathlib import Path

import numpy as np

PROCESSED = Path("data/processed")


def write_copies(folder: Path, copies: int, rows: int | None) -> None:
    """Write at most ``rows`` rows of each array, and repeat those of training ``copies`` times."""
    folder.mkdir(exist_ok=True)
    for source in PROCESSED.glob("*.npy"):
        array = np.load(source, mmap_mode="r")[:rows]
        times = copies if source.name.startswith("train") else 1
        shape = (times * len(array), *array.shape[1:])
        repeated = np.lib.format.open_memmap(folder / source.name, "w+", array.dtype, shape)
        for copy in range(times):
            repeated[copy * len(array) : (copy + 1) * len(array)] = array
