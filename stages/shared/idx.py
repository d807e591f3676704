"""Reading IDX, the file format of MNIST.

A file is a magic number (two zero bytes, 8 for unsigned bytes, the number of dimensions), then
each dimension as a big-endian 32-bit integer, then the bytes in C order.
Source: LeCun, Cortes & Burges, "The MNIST database of handwritten digits".
"""

import math
import struct
from pathlib import Path

from stages.shared.errors import StageError
from stages.shared.files import reading

import numpy as np
from numpy.typing import NDArray


def read(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read a uint8 array with that many dimensions.

    Raises
    ------
    StageError
        if the magic number differs, or the file is shorter or longer than its header implies
    """
    with reading(path):
        content = path.read_bytes()
    header = struct.Struct(f">{1 + dimensions}I")
    if len(content) < header.size:
        raise StageError(f"{path}: ends within its header of {header.size} bytes")
    magic, *shape = header.unpack_from(content)
    if magic != 0x0800 + dimensions:
        raise StageError(f"{path}: magic number must be {0x0800 + dimensions}, is {magic}")
    expected = header.size + math.prod(shape)
    if len(content) != expected:
        sizes = " × ".join(map(str, shape))
        raise StageError(f"{path}: must be {expected} bytes for {sizes}, is {len(content)}")
    return np.frombuffer(content, np.uint8, offset=header.size).reshape(shape)
