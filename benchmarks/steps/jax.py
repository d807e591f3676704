"""JAX: many steps in one jitted scan."""

from functools import partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from benchmarks.steps.worker import Data, serve
from benchmarks.steps.workloads import Workload

Arrays = Any


class Jax:
    """A list of (weights, bias), and a scan over the batches of a round."""

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        self._workload = workload
        self._images = jnp.asarray(np.array(data.train_images))
        self._labels = jnp.asarray(data.train_labels.astype(np.int32))
        self._key = jax.random.key(0)
        sizes = [784, *workload.hidden, 10]
        random = np.random.default_rng(0)
        self._parameters = [
            (
                jnp.asarray(random.normal(0, np.sqrt(2 / a), (a, b)).astype(np.float32)),
                jnp.zeros(b, jnp.float32),
            )
            for a, b in pairwise(sizes)
        ]
        zeros = jax.tree.map(jnp.zeros_like, self._parameters)
        self._moments = (zeros, jax.tree.map(jnp.zeros_like, zeros), jnp.zeros((), jnp.int32))
        self._order = np.empty(0, np.int64)
        self._random = random
        self._run = jax.jit(partial(run, workload), donate_argnums=0)

    def train(self, steps: int) -> None:
        """Take the steps, in a fresh order each epoch."""
        size = self._workload.batch_size
        while len(self._order) < steps * size:
            order = self._random.permutation(len(self._images))
            order = order[: len(order) // size * size]
            self._order = np.concatenate([self._order, order])
        rows, self._order = np.split(self._order, [steps * size])
        self._parameters, self._moments, self._key = self._run(
            (self._parameters, self._moments, self._key),
            jnp.asarray(rows.reshape(steps, size)),
            (self._images, self._labels),
        )
        jax.block_until_ready(self._parameters)

    def predict(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Return the classes of the highest logits."""
        logits = forward(self._parameters, jnp.asarray(images), None, 0)
        return np.asarray(logits.argmax(axis=1))


def forward(parameters: Arrays, x: Arrays, key: Arrays, dropout: float) -> Arrays:
    """Return the logits."""
    for number, (w, b) in enumerate(parameters[:-1]):
        x = jax.nn.relu(x @ w + b)
        if dropout:
            keep = jax.random.bernoulli(jax.random.fold_in(key, number), 1 - dropout, x.shape)
            x = jnp.where(keep, x / (1 - dropout), 0)
    w, b = parameters[-1]
    return x @ w + b


def loss(workload: Workload, parameters: Arrays, x: Arrays, labels: Arrays, key: Arrays) -> Arrays:
    """Return the mean cross-entropy with the penalty."""
    logits = forward(parameters, x, key, workload.dropout)
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1)
    penalty = sum(jnp.sum(w * w) for w, _ in parameters)
    return -chosen.mean() + workload.strength / 2 * penalty


def run(workload: Workload, state: Arrays, batches: Arrays, data: Arrays) -> Arrays:
    """Take the steps: a scan over batches of row numbers (steps, rows)."""
    images, labels = data
    rate = workload.learning_rate

    def step(state: Arrays, batch: Arrays) -> Arrays:
        parameters, (m, v, t), key = state
        key, own = jax.random.split(key)
        gradient = jax.grad(partial(loss, workload))(parameters, images[batch], labels[batch], own)
        t = t + 1
        if workload.optimizer == "sgd":
            parameters = jax.tree.map(lambda p, g: p - rate * g, parameters, gradient)
        else:
            m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, gradient)
            v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, gradient)
            scale = rate / (1 - 0.9**t)
            parameters = jax.tree.map(
                lambda p, m, v: p - scale * m / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8),
                parameters,
                m,
                v,
            )
        return (parameters, (m, v, t), key), None

    return jax.lax.scan(step, state, batches)[0]


if __name__ == "__main__":
    serve(Jax)
