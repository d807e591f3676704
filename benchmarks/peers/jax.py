"""JAX: an epoch is one jitted scan over its batches."""

from functools import partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.job import Job, read

Arrays = Any
BLOCK = 1000  # rows scored at once


def main() -> None:
    job, weights, report = read()
    data = [
        (jnp.asarray(images), jnp.asarray(labels.astype(np.int32)))
        for images, labels in (job.load("train", "r"), job.load("validation", "r"))
    ]
    images, labels = data[0]
    random = np.random.default_rng(0)
    parameters = [
        (
            jnp.asarray(random.normal(0, np.sqrt(2 / a), (a, b)).astype(np.float32)),
            jnp.zeros(b, jnp.float32),
        )
        for a, b in pairwise([images.shape[1], *job.hidden, 10])
    ]
    zeros = partial(jax.tree.map, jnp.zeros_like, parameters)
    state = (parameters, (zeros(), zeros(), jnp.zeros((), jnp.int32)), jax.random.key(0))
    steps = len(labels) // job.batch_size
    rates = np.reshape(job.rates(steps), (job.epochs, steps)).astype(np.float32)
    train_epoch, score_split = jax.jit(partial(train, job), donate_argnums=0), jax.jit(score)
    for number in range(job.epochs):
        order = random.permutation(len(labels)).astype(np.int32)
        batches = order[: steps * job.batch_size].reshape(steps, job.batch_size)
        state = train_epoch(state, (batches, rates[number]), images, labels)
        report.epoch(*(score_split(state[0], *split) for split in data))
    np.savez(weights, *jax.tree.leaves(state[0]))
    report.saved()


def forward(parameters: Arrays, x: Arrays, job: Job | None = None, key: Arrays = None) -> Arrays:
    """Return the logits, with dropout if there is a job."""
    for number, (w, b) in enumerate(parameters[:-1]):
        x = jax.nn.relu(x @ w + b)
        if job and job.dropout[number]:
            kept = 1 - job.dropout[number]
            mask = jax.random.bernoulli(jax.random.fold_in(key, number), kept, x.shape)
            x = jnp.where(mask, x / kept, 0)
    w, b = parameters[-1]
    return x @ w + b


def cross_entropy(logits: Arrays, labels: Arrays) -> Arrays:
    """Return the loss of each row."""
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1)


def loss(parameters: Arrays, job: Job, x: Arrays, labels: Arrays, key: Arrays) -> Arrays:
    """Return the mean cross-entropy with the penalty."""
    penalty = sum(jnp.sum(w * w) for w, _ in parameters)
    logits = forward(parameters, x, job, key)
    return cross_entropy(logits, labels).mean() + job.strength / 2 * penalty


def train(job: Job, state: Arrays, batches: Arrays, images: Arrays, labels: Arrays) -> Arrays:
    """Take a step for each batch: its rows and its learning rate."""

    def step(state: Arrays, given: Arrays) -> Arrays:
        parameters, (m, v, t), key = state
        batch, rate = given
        key, own = jax.random.split(key)
        gradient = jax.grad(loss)(parameters, job, images[batch], labels[batch], own)
        t = t + 1
        if job.optimizer == "sgd":
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


def score(parameters: Arrays, images: Arrays, labels: Arrays) -> Arrays:
    """Return the loss and the accuracy."""

    def block(given: Arrays) -> Arrays:
        logits = forward(parameters, given[0])
        losses = cross_entropy(logits, given[1])
        return losses.mean(), (logits.argmax(axis=1) == given[1]).mean()

    blocks = images.reshape(-1, BLOCK, images.shape[1]), labels.reshape(-1, BLOCK)
    losses, accuracies = jax.lax.map(block, blocks)
    return losses.mean(), accuracies.mean()


if __name__ == "__main__":
    main()
