"""A plain NumPy script: float64, a sample per column, one-hot targets, new arrays in each step."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.steps.worker import Data, serve
from benchmarks.steps.workloads import Workload

Doubles = NDArray[np.float64]


class Plain:
    """Lists of weights and biases, and the formulas of a textbook."""

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        threadpool_limits(threads)
        self._workload = workload
        self._random = np.random.default_rng(0)
        self._x = data.train_images.T.astype(np.float64, copy=False)
        self._y = np.eye(10)[data.train_labels].T
        sizes = [784, *workload.hidden, 10]
        pairs = list(pairwise(sizes))
        self._w = [self._random.normal(0, np.sqrt(2 / a), (b, a)) for a, b in pairs]
        self._b = [np.zeros((b, 1)) for _, b in pairs]
        self._m = [[np.zeros_like(p), np.zeros_like(p)] for p in self._w + self._b]
        self._steps = 0
        self._start = data.train_images.shape[0]

    def _forward(self, x: Doubles, dropout: float) -> tuple[list[Doubles], list[Doubles]]:
        activations, masks = [x], []
        for w, b in zip(self._w[:-1], self._b[:-1], strict=True):
            h = np.maximum(0, w @ activations[-1] + b)
            if dropout:
                mask = (self._random.random(h.shape) < 1 - dropout) / (1 - dropout)
                h = h * mask
                masks.append(mask)
            activations.append(h)
        z = self._w[-1] @ activations[-1] + self._b[-1]
        e = np.exp(z - z.max(axis=0))
        return [*activations, e / e.sum(axis=0)], masks

    def train(self, steps: int) -> None:
        """Take the steps, on a shuffled copy per epoch."""
        size = self._workload.batch_size
        for _ in range(steps):
            if self._start + size > self._x.shape[1]:
                order = self._random.permutation(self._x.shape[1])
                self._shuffled_x, self._shuffled_y = self._x[:, order], self._y[:, order]
                self._start = 0
            batch = slice(self._start, self._start + size)
            self._step(self._shuffled_x[:, batch], self._shuffled_y[:, batch])
            self._start += size

    def _step(self, x: Doubles, y: Doubles) -> None:
        rows, strength = x.shape[1], self._workload.strength
        activations, masks = self._forward(x, self._workload.dropout)
        delta = activations[-1] - y
        self._steps += 1
        for layer in reversed(range(len(self._w))):
            w_gradient = delta @ activations[layer].T / rows + strength * self._w[layer]
            b_gradient = delta.sum(axis=1, keepdims=True) / rows
            if layer:
                delta = self._w[layer].T @ delta * masks[layer - 1] * (activations[layer] > 0)
            self._update(self._w[layer], w_gradient, layer)
            self._update(self._b[layer], b_gradient, len(self._w) + layer)

    def _update(self, parameter: Doubles, gradient: Doubles, number: int) -> None:
        if self._workload.optimizer == "sgd":
            parameter -= self._workload.learning_rate * gradient
            return
        m, v = self._m[number]
        m[:] = 0.9 * m + 0.1 * gradient
        v[:] = 0.999 * v + 0.001 * gradient**2
        m_hat, v_hat = m / (1 - 0.9**self._steps), v / (1 - 0.999**self._steps)
        parameter -= self._workload.learning_rate * m_hat / (np.sqrt(v_hat) + 1e-8)

    def probabilities(self, images: NDArray[Any]) -> Doubles:
        """Return the class probabilities (10, n) of images (n, 784)."""
        activations, _ = self._forward(images.T.astype(np.float64, copy=False), 0)
        return activations[-1]

    def predict(self, images: NDArray[Any]) -> NDArray[Any]:
        """Return the most probable classes."""
        return np.asarray(self.probabilities(images).argmax(axis=0))


if __name__ == "__main__":
    serve(Plain)
