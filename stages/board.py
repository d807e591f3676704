"""Write the drawing board: one page that runs the network on a drawing."""

import json
import re
from base64 import b64encode
from pathlib import Path
from typing import Any

from stages.shared.errors import StageError
from stages.shared.files import (
    Predictions,
    load_dataset,
    load_network,
    load_predictions,
    load_split,
    reading,
    replacing,
)
from stages.shared.paths import BOARD, PREDICTIONS, WEIGHTS
from stages.shared.running import run

import numpy as np
from numpy.typing import NDArray

from network.calibration import LIKELY, fit_temperature, varied
from network.loss import softmax
from network.model import Network

TEMPLATE = Path("board/page.html")
PARTS = re.compile(r'<link rel="stylesheet" href="(.+)">|<script src="(.+)"></script>')
PLACE = ">DATA<"  # content of the element that contains the data
TOLERANCE = 1e-3  # between probabilities of float32 in another order of addition
SAMPLES = 12  # at most, of the test images predicted correctly, and as many of the mistakes


def main() -> None:
    test = load_predictions()
    network = load_network()
    check(network, test)
    page = render(network, test)
    with replacing(BOARD) as file:
        file.write(page.encode())
    print(f"{BOARD}: {len(page) / 1e6:.1f} MB")


def check(network: Network, test: Predictions) -> None:
    """Compare the results of board/network.js with those that ``evaluate`` has recorded.

    Raises
    ------
    StageError
        if a probability differs
    """
    state, x = network.state_dict(), test.images
    for k in range(1, len(network.sizes)):
        z = x @ state[f"W{k}"] + state[f"b{k}"]
        x = np.maximum(z, 0)
    if not np.allclose(softmax(z), test.probabilities, atol=TOLERANCE):
        raise StageError(
            f"{WEIGHTS}: the page's network (dense layers, ReLU, softmax) gives other probabilities"
            f" than {PREDICTIONS}: change board/network.js, and check in stages/board.py, as"
            " network/ was changed"
        )


def render(network: Network, test: Predictions) -> str:
    """Return the page, which contains its style, its scripts and its data."""
    # escaped, so that no class name can end the element that contains the data
    data = json.dumps(content(network, test), ensure_ascii=False).replace("<", r"\u003c")
    return PARTS.sub(inline, read(TEMPLATE).replace(PLACE, f">{data}<", 1))


def inline(part: re.Match[str]) -> str:
    """Return an element of the template with the file that it refers to inside."""
    style, script = part.groups()
    text = read(TEMPLATE.parent / (style or script))
    return f"<style>\n{text}</style>" if style else f"<script>\n{text}</script>"


def read(path: Path) -> str:
    """Return the text of a file."""
    with reading(path):
        return path.read_text("utf-8")


def content(network: Network, test: Predictions) -> dict[str, Any]:
    """Return the data of the page; arrays are base64, of little-endian float32 or of bytes."""
    state = network.state_dict()
    images, labels = load_split("validation")
    right = test.predicted == test.labels
    return {
        "classes": test.classes,
        "preparation": load_dataset().preparation,
        "layers": [
            {"weights": encode(state[f"W{k}"], "<f4"), "bias": encode(state[f"b{k}"], "<f4")}
            for k in range(1, len(network.sizes))
        ],
        "temperature": fit_temperature(network.logits(varied(images)), labels),
        "likely": LIKELY,
        "images": len(right),
        "right": int(right.sum()),
        "samples": [
            {
                "pixels": encode(np.rint(test.images[row] * 255), "u1"),
                "label": int(test.labels[row]),
                "predicted": int(test.predicted[row]),
            }
            for row in choose(test, right)
        ],
    }


def choose(test: Predictions, right: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Choose the first correct image of each class, and the mistakes of highest confidence."""
    rows = np.flatnonzero(right)
    _, first = np.unique(test.labels[rows], return_index=True)
    mistakes = np.flatnonzero(~right)
    surest = mistakes[np.argsort(-test.confidence[mistakes], kind="stable")]
    return np.concatenate([rows[first][:SAMPLES], surest[:SAMPLES]])


def encode(array: NDArray[Any], dtype: str) -> str:
    """Return the elements in C order as base64."""
    return b64encode(array.astype(dtype).tobytes()).decode()


if __name__ == "__main__":
    run(main)
