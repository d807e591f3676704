"""The whole idea in one file: a network, its gradients, and its training on the digits.

It reads the arrays that ``dvc repro`` writes to ``data/processed``. Run it from the project's
folder with ``python examples/plain.py``. ``network/`` does the same, faster and with more choices.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Layers = list[tuple[Array, Array]]  # W (inputs, units) and b (units,) of each layer

DATA = Path("data/processed")
SIZES, DROPOUT = [784, 64, 32, 10], 0.1
LEARNING_RATE, BATCH_SIZE, EPOCHS, WEIGHT_DECAY = 0.006, 16, 35, 0.001

random = np.random.default_rng(0)


def initialize(sizes: list[int]) -> Layers:
    """W ~ N(0, 2 / inputs), b = 0."""
    return [(random.normal(0, np.sqrt(2 / n), (n, m)), np.zeros(m)) for n, m in pairwise(sizes)]


def forward(
    layers: Layers, x: Array, dropout: float = 0.0
) -> tuple[Array, list[Array], list[Array]]:
    """Return p = softmax(z) (rows, 10), each layer's input and each hidden layer's mask."""
    inputs, masks = [x], []
    for w, b in layers[:-1]:
        h = np.maximum(inputs[-1] @ w + b, 0)
        mask = (random.random(h.shape) >= dropout) / (1 - dropout)
        inputs.append(h * mask)
        masks.append(mask)
    w, b = layers[-1]
    z = inputs[-1] @ w + b
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True), inputs, masks


def gradients(layers: Layers, x: Array, y: Array, dropout: float = 0.0) -> Layers:
    """Return dL/dW and dL/db of each layer, for L = the mean of -Σ y log p over the rows."""
    p, inputs, masks = forward(layers, x, dropout)
    found: Layers = []
    g = (p - y) / len(y)
    for k in reversed(range(len(layers))):
        found.insert(0, (inputs[k].T @ g, g.sum(axis=0)))
        if k > 0:
            g = g @ layers[k][0].T * masks[k - 1] * (inputs[k] > 0)
    return found


def train_epoch(layers: Layers, images: Array, labels: Array) -> None:
    """Take a step on each mini-batch, in a new random order.

    W ← W - η (dL/dW + λ W) and b ← b - η dL/db.
    """
    one_hot = np.eye(SIZES[-1])[labels]
    order = random.permutation(len(images))
    for start in range(0, len(images), BATCH_SIZE):
        rows = order[start : start + BATCH_SIZE]
        found = gradients(layers, images[rows], one_hot[rows], DROPOUT)
        for (w, b), (dw, db) in zip(layers, found, strict=True):
            w[:] -= LEARNING_RATE * (dw + WEIGHT_DECAY / BATCH_SIZE * w)
            b[:] -= LEARNING_RATE * db


def score(layers: Layers, images: Array, labels: Array) -> tuple[float, float]:
    """Return the mean cross-entropy and the share of correct predictions, without dropout."""
    p, _, _ = forward(layers, images)
    loss = -np.log(p[np.arange(len(labels)), labels]).mean()
    return float(loss), float((p.argmax(axis=1) == labels).mean())


def load(split: str) -> tuple[Array, Array]:
    """Return images (n, 784), in [0, 1], and labels (n,), whole numbers from 0 to 9."""
    return np.load(DATA / f"{split}_images.npy"), np.load(DATA / f"{split}_labels.npy")


def main() -> None:
    """Train, show the loss after each epoch, and score the test set once, at the end."""
    import matplotlib.pyplot as plt  # noqa: PLC0415 - a benchmark uses the functions alone

    train, validation = load("train"), load("validation")
    layers = initialize(SIZES)
    losses = []
    for epoch in range(1, EPOCHS + 1):
        train_epoch(layers, *train)
        losses.append([score(layers, *split)[0] for split in (train, validation)])
        print(f"epoch {epoch}: loss {losses[-1][0]:.4f}, validation loss {losses[-1][1]:.4f}")
    print(f"test accuracy {score(layers, *load('test'))[1]:.2%}")

    plt.plot(range(1, EPOCHS + 1), losses, label=["training", "validation"])
    plt.xlabel("epoch")
    plt.ylabel("loss")
    plt.legend()
    plt.savefig("plain.png")


if __name__ == "__main__":
    main()
