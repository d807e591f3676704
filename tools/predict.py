"""Read the digits in your own pictures: photographs, scans, drawings; ink and paper of any colour.

The prediction comes from the weights that the stage ``train`` has written. A picture may show
several digits; they are read line by line, from left to right.
"""

import argparse
import json
import sys
import warnings
from pathlib import Path

from stages.shared.drawing import draw_grid, save
from stages.shared.errors import StageError, errors_as_lines
from stages.shared.files import load_dataset, load_network, load_split
from stages.shared.paths import TEST_METRICS, WEIGHTS

import numpy as np
from numpy.typing import NDArray

from network.calibration import LIKELY, fit_temperature, varied
from network.loss import softmax
from tools import pictures
from tools.preparation import PREPARATIONS, Images

NAMED = 3  # most likely classes
DRAWN = 100  # images at most
GOOD = 0.98  # accuracy on the test set
BETTER = "for better weights: dvc exp run $(python -m tools.recipe small)"


def main() -> None:
    """Print the most likely classes of each digit, and draw the images."""
    parser = argparse.ArgumentParser(prog="python -m tools.predict", description=__doc__)
    parser.add_argument("file", nargs="+", type=Path, help=", ".join(pictures.FORMATS))
    parser.add_argument("--output", type=Path, default="predict.png", help="picture to draw into")
    arguments = parser.parse_args()
    output: Path = arguments.output
    if output.exists() and not output.is_file():  # a device would be replaced
        parser.error(f"--output: must be a file, got {output}")
    if output.resolve() in {path.resolve() for path in arguments.file}:
        parser.error(f"--output: must not be one of the pictures, got {output}")

    (classes, preparation), network = load_dataset(), load_network()
    validation_images, labels = load_split("validation")
    temperature = np.float32(fit_temperature(network.logits(varied(validation_images)), labels))

    def predict(images: Images) -> Images:
        return softmax(network.logits(images.reshape(len(images), -1)) / temperature)

    prepare = PREPARATIONS[preparation]
    drawn, failed = [], False
    for path in arguments.file:
        name = printable(str(path))
        try:
            found = prepare(pictures.read(path), lambda images: predict(images).max(axis=1))
        except (StageError, ValueError) as error:
            print(f"error: {name}: {error}", file=sys.stderr)
            failed = True
            continue
        probabilities = predict(found.images)
        for number, p in enumerate(probabilities, start=1):
            place = f", {number} of {len(probabilities)}" if len(probabilities) > 1 else ""
            print(f"{name}{place}: {summarize(p, classes)}")
            drawn.append((f"{path.name}{place}", found.images[number - 1], p))
        if found.left_out:
            print(f"{name}: {found.left_out}")
    if drawn:
        draw(drawn[:DRAWN], classes, output)
        print(f"{printable(str(output))}: the images as the network sees them")
        if preparation == "centred" and TEST_METRICS.exists():
            accuracy = json.loads(TEST_METRICS.read_bytes())["test"]["accuracy"]
            if accuracy < GOOD:
                print(f"{WEIGHTS}: {accuracy:.2%} of the test images right; {BETTER}")
    if failed:
        sys.exit(1)


def printable(text: str) -> str:
    """Return text as one line that any terminal takes."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def summarize(probabilities: NDArray[np.float32], classes: list[str]) -> str:
    """Return the most likely classes with their probabilities."""
    order = np.argsort(-probabilities, kind="stable")[:NAMED]
    named = ", ".join(f"{classes[label]} ({probabilities[label]:.1%})" for label in order)
    return named if probabilities.max() >= LIKELY else f"not sure: {named}"


def draw(found: list[tuple[str, Images, Images]], classes: list[str], path: Path) -> None:
    """Draw each image as the network sees it, under the file's name and its class."""
    images = np.array([image.ravel() for _, image, _ in found])
    captions = [
        f"{printable(name)[-24:]}\n"  # the end tells most
        f"{classes[p.argmax()]}{'' if p.max() >= LIKELY else '?'}"
        for name, _, p in found
    ]
    figure = draw_grid(images, captions, ["black"] * len(found), columns=min(5, len(found)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # letters that the font lacks are boxes
        save(figure, path)


if __name__ == "__main__":
    with errors_as_lines():
        main()
