"""Steps for optimizers on a small network, and parameters in the form of ``examples/plain.py``."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from examples.plain import Layers
from network.arrays import FloatType
from network.model import Network

Doubles = NDArray[np.float64]

STRENGTH = 0.05  # λ of the optimizers' penalty
OPTIONS: dict[str, dict[str, Any]] = {
    "sgd": {},
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.8},
    "adam": {"beta1": 0.9, "beta2": 0.99, "epsilon": 1e-3},
    "adamw": {"beta1": 0.8, "beta2": 0.999, "epsilon": 1e-8},
}


def layers_of(network: Network) -> Layers:
    """Return copies of W and b of each layer, as float64."""
    arrays = [array.astype(np.float64) for array in network.state_dict().values()]
    return list(zip(arrays[::2], arrays[1::2], strict=True))


def network_to_step(dtype: FloatType = np.float64) -> Network:
    """Return a small network with parameters for an optimizer to move."""
    network = Network([4, 3, 2], dtype=dtype)
    network.parameters[:] = np.random.default_rng(0).normal(size=network.parameters.shape)
    return network


def steps(size: int, count: int = 100) -> Iterator[tuple[Doubles, float]]:
    """Yield a gradient and a learning rate for each step."""
    generator = np.random.default_rng(1)
    for step in range(count):
        yield generator.normal(size=size), 0.1 / (1 + step)
