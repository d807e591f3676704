"""A small problem, on which the tests train in milliseconds."""

from typing import Any

import numpy as np

from network.samples import Samples


def blobs(n: int, seed: int = 0, noise: float = 0.2) -> Samples:
    """Return points around the corners of a triangle, as float32."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(3, size=n).astype(np.uint8)
    points = np.eye(3)[labels] + generator.normal(scale=noise, size=(n, 3))
    return Samples(points.astype(np.float32), labels)


TRAIN, VALIDATION = blobs(60, noise=0.5), blobs(40, seed=1, noise=0.5)
SHORT: dict[str, Any] = {"classes": 3, "hidden": [8, 6], "learning_rate": 0.1, "epochs": 3}
# overfits its 60 points, so that the validation loss is lowest early
OVERFITTING = {**SHORT, "hidden": [100], "learning_rate": 0.3, "epochs": 20}
