"""Predict the digits in your own pictures: PNG or JPEG, dark on light or light on dark.

It reads the weights that the stage ``train`` has written.
"""

import argparse
import warnings
from pathlib import Path

from stages.files import processed
from stages.files.figures import literal, new_figure, save
from stages.files.paths import WEIGHTS
from stages.files.weights import load_network
from stages.running.errors import StageError
from stages.running.runner import run

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from network.loss import softmax
from tools.pictures import center

PICTURE = Path("predict.png")
NAMED = 3  # most likely classes


def main() -> None:
    """Print the most likely classes of each picture, and draw the images."""
    parser = argparse.ArgumentParser(prog="python -m tools.predict", description=__doc__)
    parser.add_argument("file", nargs="+", type=Path, help="a picture of one digit")
    parser.add_argument("--output", type=Path, default=PICTURE, help="the picture to draw into")
    arguments = parser.parse_args()

    classes = processed.load_classes()
    images = np.stack([read_image(path) for path in arguments.file])
    network = load_network()
    if (network.sizes[0], network.sizes[-1]) != (images[0].size, len(classes)):
        raise StageError(f"{WEIGHTS}: must be for 28 × 28 images and {len(classes)} classes")
    probabilities = softmax(network.logits(images.reshape(len(images), -1)))
    summaries = [summarize(row, classes) for row in probabilities]
    for path, summary in zip(arguments.file, summaries, strict=True):
        print(f"{path}: {', '.join(summary)}")
    draw(images, [summary[0] for summary in summaries], arguments.output)
    print(f"{arguments.output}: the images as the network sees them")


def read_image(path: Path) -> NDArray[np.float32]:
    """Read a picture and convert it to MNIST's format: (28, 28), in [0, 1]."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=["PNG", "JPEG"]) as picture:
                return center(brightness(ImageOps.exif_transpose(picture)))
    except UnidentifiedImageError:
        raise StageError(f"{path}: not a PNG or JPEG picture") from None
    except Exception as error:  # Pillow raises errors of many types for a damaged picture
        reason = error.strerror if isinstance(error, OSError) else None
        raise StageError(f"{path}: {reason or error}") from None


def brightness(picture: Image.Image) -> NDArray[np.float32]:
    """Return the brightness (height, width) in [0, 1], with white behind transparent pixels."""
    if picture.mode.startswith("I"):  # sixteen bits, which a conversion would clip
        return np.asarray(picture, np.float32) / np.float32(2**16 - 1)
    layered = picture.convert("RGBA")
    flat = Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered)
    return np.asarray(flat.convert("L"), np.float32) / np.float32(255)


def summarize(probabilities: NDArray[np.float32], classes: list[str]) -> list[str]:
    """Return the most likely classes with their probabilities."""
    order = np.argsort(-probabilities, kind="stable")[:NAMED]
    return [f"{classes[label]} ({probabilities[label]:.1%})" for label in order]


def draw(images: NDArray[np.float32], titles: list[str], path: Path) -> None:
    """Draw each image as the network sees it, with the most likely class above."""
    columns = min(5, len(images))
    rows = -(-len(images) // columns)
    figure = new_figure(1.5 * columns, 1.7 * rows)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    for axes, image, title in zip(grid, images, titles, strict=False):
        axes.set_axis_on()
        axes.imshow(image, cmap="gray_r", vmin=0, vmax=1)
        axes.set(title=literal(title), xticks=[], yticks=[])
        axes.spines[:].set_visible(True)
    save(figure, path)


if __name__ == "__main__":
    run(main)
