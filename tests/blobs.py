"""A small problem, on which the tests train in milliseconds, and layers for examples/plain.py."""

from typing import Any

import numpy as np

from examples.plain import Layers
from network.arrays import Floats, Labels
from network.model import Network


def blobs(n: int, seed: int = 0, noise: float = 0.2) -> tuple[Floats, Labels]:
    """Return points around the corners of a triangle, as float32, and their labels."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(3, size=n).astype(np.uint8)
    points = np.eye(3)[labels] + generator.normal(scale=noise, size=(n, 3))
    return points.astype(np.float32), labels


TRAIN, VALIDATION = blobs(60, noise=0.5), blobs(40, seed=1, noise=0.5)
SHORT: dict[str, Any] = {"classes": 3, "hidden": [8, 6], "learning_rate": 0.1, "epochs": 3}
# overfits its 60 points, so that the validation loss is lowest early
OVERFITTING = {**SHORT, "hidden": [100], "learning_rate": 0.3, "epochs": 20}


def layers_of(network: Network) -> Layers:
    """Return copies of W and b of each layer, as float64."""
    arrays = [array.astype(np.float64) for array in network.state_dict().values()]
    return list(zip(arrays[::2], arrays[1::2], strict=True))
