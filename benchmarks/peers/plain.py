"""A plain NumPy script: float64, a sample per column, one-hot targets, new arrays in each step."""

import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.job import read

Doubles = NDArray[np.float64]
random = np.random.default_rng(0)


def main() -> None:
    job, weights, report = read(sys.argv[1:])
    data = []
    for split in ("train", job.held_out):
        images = np.load(job.data / f"{split}_images.npy").T.astype(np.float64)
        data.append((images, np.eye(10)[np.load(job.data / f"{split}_labels.npy")].T))
    x, y = data[0]
    pairs = list(pairwise([len(x), *job.hidden, 10]))
    w = [random.normal(0, np.sqrt(2 / a), (b, a)) for a, b in pairs]
    b = [np.zeros((b, 1)) for _, b in pairs]
    m, v = ([np.zeros_like(p) for p in w + b] for _ in range(2))
    report.started()

    size, samples = job.batch_size, x.shape[1]
    rates = job.rates(-(-samples // size))
    step = 0
    for _ in range(job.epochs):
        order = random.permutation(samples)
        shuffled_x, shuffled_y = x[:, order], y[:, order]
        for start in range(0, samples, size):
            batch = slice(start, start + size)
            dw, db = gradients(w, b, shuffled_x[:, batch], shuffled_y[:, batch], job.dropout)
            dw = [g + job.strength * weight for g, weight in zip(dw, w, strict=True)]
            rate, step = rates[step], step + 1
            for i, (p, g) in enumerate(zip(w + b, dw + db, strict=True)):
                if job.optimizer == "sgd":
                    p[:] -= rate * g
                else:
                    m[i] = 0.9 * m[i] + 0.1 * g
                    v[i] = 0.999 * v[i] + 0.001 * g**2
                    m_hat, v_hat = m[i] / (1 - 0.9**step), v[i] / (1 - 0.999**step)
                    p[:] -= rate * m_hat / (np.sqrt(v_hat) + 1e-8)
        report.epoch(*(score(w, b, *split) for split in data))
    np.savez(weights, *w, *b)
    report.saved()


def forward(
    w: list[Doubles], b: list[Doubles], x: Doubles, dropout: Sequence[float] = ()
) -> tuple[list[Doubles], list[Any]]:
    """Return the activations of each layer, the last of them probabilities, and the masks."""
    activations, masks = [x], []
    for i in range(len(w) - 1):
        h = np.maximum(0, w[i] @ activations[-1] + b[i])
        mask: Any = 1.0
        if dropout and dropout[i]:
            mask = (random.random(h.shape) < 1 - dropout[i]) / (1 - dropout[i])
        masks.append(mask)
        activations.append(h * mask)
    z = w[-1] @ activations[-1] + b[-1]
    e = np.exp(z - z.max(axis=0))
    return [*activations, e / e.sum(axis=0)], masks


def gradients(
    w: list[Doubles], b: list[Doubles], x: Doubles, y: Doubles, dropout: Sequence[float]
) -> tuple[list[Doubles], list[Doubles]]:
    """Return the gradients of the weights and of the biases."""
    activations, masks = forward(w, b, x, dropout)
    delta = (activations[-1] - y) / x.shape[1]
    dw: list[Doubles] = []
    db: list[Doubles] = []
    for i in reversed(range(len(w))):
        dw.insert(0, delta @ activations[i].T)
        db.insert(0, delta.sum(axis=1, keepdims=True))
        if i:
            delta = w[i].T @ delta * masks[i - 1] * (activations[i] > 0)
    return dw, db


def score(
    w: list[Doubles], b: list[Doubles], x: Doubles, y: Doubles
) -> tuple[np.float64, np.float64]:
    """Return the loss and the accuracy, from blocks of columns as the layers may be wide."""
    loss = right = np.float64(0)
    for start in range(0, x.shape[1], 10_000):
        block = slice(start, start + 10_000)
        p, labels = forward(w, b, x[:, block])[0][-1], y[:, block]
        loss -= np.log(np.sum(p * labels, axis=0)).sum()
        right += np.sum(p.argmax(axis=0) == labels.argmax(axis=0))
    return loss / x.shape[1], right / x.shape[1]


if __name__ == "__main__":
    main()
