"""Write pictures as PNG, in the same bytes on every system.

Pillow compresses with the zlib of the system, and these differ. The package zlib-ng contains its
own, in one version everywhere.
"""

import struct
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng


def write_png(file: BinaryIO, pixels: NDArray[np.uint8]) -> None:
    """Write pixels as an RGB picture, filtered by the row above [1]_.

    Parameters
    ----------
    file : open for writing bytes
    pixels : (height, width, 3) red, green and blue

    References
    ----------
    .. [1] W3C, Portable Network Graphics (PNG) Specification, third edition, 2025.
    """
    height, width, _ = pixels.shape
    rows = pixels.reshape(height, -1)
    up = 2  # each byte less the one above it, modulo 256
    filtered = np.empty((height, 1 + rows.shape[1]), np.uint8)
    filtered[:, 0] = up
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])

    file.write(b"\x89PNG\r\n\x1a\n")
    _write_chunk(file, b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    _write_chunk(file, b"IDAT", zlib_ng.compress(filtered.tobytes(), 6))
    _write_chunk(file, b"IEND", b"")


def _write_chunk(file: BinaryIO, kind: bytes, content: bytes) -> None:
    file.write(struct.pack(">I", len(content)) + kind + content)
    file.write(struct.pack(">I", zlib_ng.crc32(kind + content)))
