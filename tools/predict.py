"""Read the digits in your own pictures: photographs, scans, drawings; ink and paper of any colour.

The prediction comes from the weights that the stage ``train`` has written. A picture may show
several digits; they are read line by line, from left to right.
"""

import argparse
import warnings
from pathlib import Path
from typing import NamedTuple

from stages.dataset.datasets import DATASETS
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
    if arguments.output.resolve() in {path.resolve() for path in arguments.file}:
        parser.error(f"--output: must not be one of the pictures, got {arguments.output}")

    classes = processed.load_classes()
    network = load_network()
    if (network.sizes[0], network.sizes[-1]) != (SIDE**2, len(classes)):
        raise StageError(f"{WEIGHTS}: must be for 28 × 28 images and {len(classes)} classes")
    predictions, errors = [], []
    for path in arguments.file:
        try:
            found = predict(path, network, preparation(classes))
        except StageError as error:
            errors.append(str(error))
            continue
        for prediction in found:
            print(f"{prediction.name}: {summarize(prediction.probabilities, classes)}")
        predictions += found
    if predictions:
        try:
            draw(predictions[:DRAWN], classes, arguments.output)
            print(f"{arguments.output}: the images as the network sees them")
        except OSError as error:
            errors.append(f"{arguments.output}: {error.strerror}")
    if errors:
        raise StageError("\n".join(errors))


def preparation(classes: list[str]) -> str:
    """Return how the pictures of the data set with these classes are prepared."""
    return "framed" if tuple(classes) == DATASETS["fashion-mnist"].classes else "centred"


def predict(path: Path, network: Network, preparation: str) -> list[Prediction]:
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
    name = "".join(letter if letter.isprintable() else "?" for letter in str(path))
    names = [f"{name}, {n} of {len(images)}" for n in range(1, len(images) + 1)]
    return list(map(Prediction, names if len(images) > 1 else [name], images, probabilities))


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
