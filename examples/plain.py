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

DATA = Path("data/processed")
SIZES, DROPOUT = [784, 64, 32, 10], 0.1
LEARNING_RATE, BATCH_SIZE, EPOCHS, WEIGHT_DECAY = 0.006, 16, 35, 0.001

random = np.random.default_rng(0)


def initialize(sizes: list[int]) -> tuple[list[Array], list[Array]]:
    """W ~ N(0, 2 / inputs) and b = 0 for each layer."""
    weights = [random.normal(0, np.sqrt(2 / n), (n, m)) for n, m in pairwise(sizes)]
    return weights, [np.zeros(m) for m in sizes[1:]]


def forward(
    weights: list[Array], biases: list[Array], x: Array, dropout: float = 0.0
) -> tuple[list[Array], list[Array], Array]:
    """Return the input of each layer, the dropout mask of each hidden layer, and p (rows, 10)."""
    inputs, masks = [x], []
    for w, b in zip(weights[:-1], biases[:-1], strict=True):
        h = np.maximum(inputs[-1] @ w + b, 0)
        mask = (random.random(h.shape) >= dropout) / (1 - dropout)
        inputs.append(h * mask)
        masks.append(mask)
    z = inputs[-1] @ weights[-1] + biases[-1]
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return inputs, masks, e / e.sum(axis=1, keepdims=True)


def backward(
    weights: list[Array], inputs: list[Array], masks: list[Array], p: Array, y: Array
) -> tuple[list[Array], list[Array]]:
    """Return dL/dW and dL/db of each layer, for L = the mean of -Σ y log p over the rows."""
    dw, db = [], []
    g = (p - y) / len(y)
    for layer in reversed(range(len(weights))):
        dw.insert(0, inputs[layer].T @ g)
        db.insert(0, g.sum(axis=0))
        if layer > 0:
            g = g @ weights[layer].T * masks[layer - 1] * (inputs[layer] > 0)
    return dw, db


def step(
    weights: list[Array], biases: list[Array], x: Array, y: Array, rate: float, decay: float
) -> None:
    """W ← W - η (dL/dW + λ W) and b ← b - η dL/db, on one batch."""
    inputs, masks, p = forward(weights, biases, x, DROPOUT)
    dw, db = backward(weights, inputs, masks, p, y)
    for layer, w in enumerate(weights):
        w -= rate * (dw[layer] + decay * w)
        biases[layer] -= rate * db[layer]


def train_epoch(weights: list[Array], biases: list[Array], images: Array, labels: Array) -> None:
    """Take a step on each mini-batch, in a new random order."""
    y = np.eye(SIZES[-1])[labels]
    order = random.permutation(len(images))
    for start in range(0, len(images), BATCH_SIZE):
        rows = order[start : start + BATCH_SIZE]
        step(weights, biases, images[rows], y[rows], LEARNING_RATE, WEIGHT_DECAY / BATCH_SIZE)


def score(
    weights: list[Array], biases: list[Array], images: Array, labels: Array
) -> tuple[float, float]:
    """Return the mean cross-entropy and the share of correct predictions, without dropout."""
    *_, p = forward(weights, biases, images)
    loss = -np.log(p[np.arange(len(labels)), labels]).mean()
    return float(loss), float((p.argmax(axis=1) == labels).mean())


def load(split: str) -> tuple[Array, Array]:
    """Return images (n, 784), in [0, 1], and labels (n,), whole numbers from 0 to 9."""
    return np.load(DATA / f"{split}_images.npy"), np.load(DATA / f"{split}_labels.npy")


def main() -> None:
    """Train, show the loss after each epoch, and score the test set once, at the end."""
    import matplotlib.pyplot as plt

    train, validation = load("train"), load("validation")
    weights, biases = initialize(SIZES)
    losses = []
    for epoch in range(1, EPOCHS + 1):
        train_epoch(weights, biases, *train)
        losses.append([score(weights, biases, *split)[0] for split in (train, validation)])
        print(f"epoch {epoch}: loss {losses[-1][0]:.4f}, validation loss {losses[-1][1]:.4f}")
    print(f"test accuracy {score(weights, biases, *load('test'))[1]:.2%}")

    plt.plot(range(1, EPOCHS + 1), losses, label=["training", "validation"])
    plt.xlabel("epoch")
    plt.ylabel("loss")
    plt.legend()
    plt.savefig("plain.png")


if __name__ == "__main__":
    main()
