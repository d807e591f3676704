"""Read the digits in your own pictures: photographs, scans, drawings; ink and paper of any colour.

The prediction comes from the weights that the stage ``train`` has written. A picture may show
several digits; they are read line by line, from left to right.
"""

import argparse
import warnings
from pathlib import Path
from typing import NamedTuple

from stages.shared.datasets import Preparation, preparation_of
from stages.files import processed
from stages.files.figures import literal, new_figure, save
from stages.files.paths import WEIGHTS
from stages.files.weights import load_network
from stages.running.errors import StageError
from stages.running.runner import run

import numpy as np
from numpy.typing import NDArray

from network.loss import softmax
from network.model import Network
from tools import pictures
from tools.preparation import PREPARATIONS, SIDE

PICTURE = Path("predict.png")
NAMED = 3  # most likely classes
LIKELY = 0.5  # a most likely class is more often right than wrong
DRAWN = 100  # images at most


class Prediction(NamedTuple):
    """An image (28, 28) from a picture, and the probabilities (classes,) of the network."""

    name: str
    image: NDArray[np.float32]
    probabilities: NDArray[np.float32]


def main() -> None:
    """Print the most likely classes of each digit, and draw the images."""
    parser = argparse.ArgumentParser(prog="python -m tools.predict", description=__doc__)
    parser.add_argument("file", nargs="+", type=Path, help=", ".join(pictures.FORMATS))
    parser.add_argument("--output", type=Path, default=PICTURE, help="the picture to draw into")
    arguments = parser.parse_args()
    output: Path = arguments.output
    if output.exists() and not output.is_file():  # a device would be replaced
        parser.error(f"--output: must be a file, got {output}")
    if output.resolve() in {path.resolve() for path in arguments.file}:
        parser.error(f"--output: must not be one of the pictures, got {output}")

    classes = processed.load_classes()
    network = load_network()
    if (network.sizes[0], network.sizes[-1]) != (SIDE**2, len(classes)):
        raise StageError(f"{WEIGHTS}: must be for 28 × 28 images and {len(classes)} classes")
    predictions, errors = [], []
    for path in arguments.file:
        try:
            found = predict(path, network, preparation_of(classes))
        except StageError as error:
            errors.append(printable(str(error)))
            continue
        for prediction in found:
            print(f"{prediction.name}: {summarize(prediction.probabilities, classes)}")
        predictions += found
    if predictions:
        try:
            draw(predictions[:DRAWN], classes, output)
            print(f"{printable(str(output))}: the images as the network sees them")
        except OSError as error:
            errors.append(printable(f"{error.filename or output}: {error.strerror}"))
    if errors:
        raise StageError("\n".join(errors))


def predict(path: Path, network: Network, preparation: Preparation) -> list[Prediction]:
    """Read a picture, and predict each image that it is prepared to.

    Raises
    ------
    StageError
        if it cannot be read, or shows nothing that could be of a class
    """
    try:
        images = PREPARATIONS[preparation](pictures.read(path))
    except ValueError as error:
        raise StageError(f"{path}: {error}") from None
    probabilities = softmax(network.logits(images.reshape(len(images), -1)))
    name = printable(str(path))
    names = [f"{name}, {n} of {len(images)}" for n in range(1, len(images) + 1)]
    return list(map(Prediction, names if len(images) > 1 else [name], images, probabilities))


def printable(text: str) -> str:
    """Return text as one line that any terminal takes."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def summarize(probabilities: NDArray[np.float32], classes: list[str]) -> str:
    """Return the most likely classes with their probabilities."""
    order = np.argsort(-probabilities, kind="stable")[:NAMED]
    named = ", ".join(f"{classes[label]} ({probabilities[label]:.1%})" for label in order)
    return named if probabilities.max() >= LIKELY else f"not sure: {named}"


def draw(predictions: list[Prediction], classes: list[str], path: Path) -> None:
    """Draw each image as the network sees it, the prediction above and the file's name below."""
    columns = min(5, len(predictions))
    rows = -(-len(predictions) // columns)
    figure = new_figure(1.5 * columns, 1.9 * rows)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(predictions) :]:
        axes.set_axis_off()
    for axes, (name, image, probabilities) in zip(grid, predictions, strict=False):
        axes.imshow(image, cmap="gray_r", vmin=0, vmax=1)
        title = classes[probabilities.argmax()] + ("" if probabilities.max() >= LIKELY else "?")
        axes.set_title(literal(title))
        axes.set_xlabel(literal(shorten(Path(name).name)), fontsize=7)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # letters that the font lacks are boxes
        save(figure, path)


def shorten(name: str, length: int = 24) -> str:
    """Return a name that fits below an image: its end tells most."""
    return name if len(name) <= length else f"…{name[1 - length :]}"


if __name__ == "__main__":
    run(main)
