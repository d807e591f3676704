"""Time the parts of a training step of the default network, one by one."""

import stages  # noqa: F401  # isort: skip  (chooses the kernels, before NumPy)
import json
import time
from collections.abc import Callable
from functools import partial
from itertools import count, pairwise
from statistics import median

import numpy as np

from benchmarks.steps.workloads import WORKLOADS
from network.batches import ShuffledBatches
from network.layers import Dense, Dropout, Layer, ReLU
from network.loss import SoftmaxCrossEntropy
from network.model import Network
from network.optimizer import create_optimizer

ROUNDS, CALLS = 200, 50


def main() -> None:
    """Measure the parts in turn, and print the median microseconds of each as JSON."""
    parts = step_parts()
    seconds: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(ROUNDS):
        for name, part in parts.items():
            start = time.perf_counter()
            for _ in range(CALLS):
                part()
            seconds[name].append((time.perf_counter() - start) / CALLS)
    print(json.dumps({name: 1e6 * median(values) for name, values in seconds.items()}))


def step_parts() -> dict[str, Callable[[], object]]:
    """Return the calls of a step by name, each on arrays of the size in training."""
    work = WORKLOADS["default"]
    sizes, rows = (784, *work.hidden, 10), work.batch_size
    random = np.random.default_rng(0)
    network = Network(sizes)
    network.initialize(random)

    def dense(fan_in: int, units: int) -> Dense:
        arrays = (random.random(shape, np.float32) for shape in 2 * [(fan_in, units), (units,)])
        return Dense(*arrays)

    first = dense(*sizes[:2])
    layers: list[tuple[str, Layer]] = [(f"dense {sizes[0]} → {sizes[1]}", first)]
    for fan_in, units in pairwise(sizes[1:]):
        layers += [
            (f"ReLU {fan_in}", ReLU(fan_in, np.float32)),
            (f"dropout {fan_in}", Dropout(fan_in, work.dropout, random)),
            (f"dense {fan_in} → {units}", dense(fan_in, units)),
        ]

    # as many as MNIST has, so that they come from memory and not from a cache
    images = random.random((55_000, sizes[0]), np.float32)
    batches = ShuffledBatches(images, np.zeros(len(images), np.uint8), rows, random)
    endless = (batch for _ in count() for batch in batches)
    parts: dict[str, Callable[[], object]] = {"gather a batch": partial(next, endless)}

    x, labels = next(endless)
    for name, layer in layers:
        parts[f"{name}, forward"] = partial(layer.forward, x)
        x = layer.forward(x)
    loss = SoftmaxCrossEntropy(sizes[-1], np.float32)
    parts["softmax and cross-entropy"] = partial(loss.gradient, x, labels)
    gradient = loss.gradient(x, labels)
    for name, layer in layers[:0:-1]:
        parts[f"{name}, backward"] = partial(layer.backward, gradient)
        gradient = layer.backward(gradient)
    parts[f"{layers[0][0]}, backward"] = partial(first.differentiate, gradient)
    optimizer = create_optimizer("sgd", network, work.strength)
    parts["decay and update"] = partial(optimizer.step, work.learning_rate)
    return parts


if __name__ == "__main__":
    main()
