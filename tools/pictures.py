"""Read a picture as an array of pixels, whatever its format and however it stores colours."""

import warnings
from pathlib import Path

from stages.shared.errors import StageError

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "WebP", "BMP", "GIF", "TIFF")
LONGEST = 256  # pixels of a side; a larger picture is reduced


def read(path: Path) -> NDArray[np.float64]:
    """Read the first picture of a file as (height, width, 3), in [0, 1]: red, green and blue.

    It is reduced by a whole number to at most 256 pixels a side. With transparent parts it has 6
    channels: its colours on white paper, and its colours on black paper. A file that is not in one
    of ``FORMATS``, is damaged, or has too many pixels, raises a StageError without the file's name.
    """
    if path.exists() and not path.is_file():  # a pipe or a device may never end
        raise StageError("must be a picture, is no file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as picture:
                ImageOps.exif_transpose(picture, in_place=True)
                return decode(picture)
    except UnidentifiedImageError:
        raise StageError(f"not a picture, must be one of {', '.join(FORMATS)}") from None
    except Exception as error:  # Pillow raises errors of many types for a damaged picture
        message = getattr(error, "strerror", "") or str(error) or type(error).__name__
        raise StageError(" ".join(message.split())) from None


def decode(picture: Image.Image) -> NDArray[np.float64]:
    """Return the pixels of a picture, as ``read`` does."""
    if picture.mode.startswith("I;16"):  # sixteen bits, which a conversion would clip
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    factor = -(-max(picture.size) // LONGEST)
    pixels = np.asarray(picture.convert("RGBA").reduce(factor), np.float64) / 255
    colours, opacity = pixels[..., :3], pixels[..., 3:]
    papers = [1, 0] if opacity.min() < 1 else [1]
    layers = [opacity * colours + (1 - opacity) * paper for paper in papers]
    return np.concatenate(layers, axis=2)
