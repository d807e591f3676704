"""The training loop, and the evaluation that follows each epoch."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from network.arrays import Floats, Labels
from network.batches import ShuffledBatches
from network.loss import SoftmaxCrossEntropy, cross_entropy
from network.model import Network
from network.optimizer import Optimizer
from network.schedule import Schedule

EVALUATION_ROWS = 1000


class Samples(NamedTuple):
    """Images (n, features) and their labels (n,)."""

    images: Floats
    labels: Labels


class Score(NamedTuple):
    """The mean cross-entropy in nats, and the share of samples whose label was predicted."""

    loss: float
    accuracy: float


class Epoch(NamedTuple):
    """What an epoch, counted from 1, ended with; no samples in a split, no score of it.

    ``parameters`` is the network's vector at the end of the epoch, valid until the next.
    """

    number: int
    scores: dict[str, Score]
    parameters: Floats


class DivergenceError(ArithmeticError):
    """The loss is no longer a finite number."""

    def __init__(self, epoch: int, loss: float) -> None:
        super().__init__(f"epoch {epoch}: the loss is {loss}")


def train(
    network: Network,
    optimizer: Optimizer,
    batches: ShuffledBatches,
    schedule: Schedule,
    *,
    splits: Mapping[str, Samples],
    epochs: int,
) -> Iterator[Epoch]:
    """Train for a number of epochs, and yield the scores of all splits after each.

    Another thread scores a copy of the network while this one trains on, so an epoch is yielded
    once it is scored, in the midst of the next. NumPy computes without Python's lock, so that
    the two share nothing but time.

    Raises
    ------
    DivergenceError
        after the first epoch that leaves a loss that is not a finite number
    """
    scored = Network(network.sizes, dtype=network.parameters.dtype.type)
    with ThreadPoolExecutor(1) as second_thread:
        epoch: Future[Epoch] | None = None
        for number in range(1, epochs + 1):
            first_step = (number - 1) * len(batches)
            for _ in train_epoch(network, optimizer, batches, schedule, first_step):
                if epoch and epoch.done():
                    yield epoch.result()
                    epoch = None
            if epoch:
                yield epoch.result()
            scored.parameters[:] = network.parameters
            epoch = second_thread.submit(score_epoch, number, scored, splits)
        if epoch:
            yield epoch.result()


def train_epoch(
    network: Network,
    optimizer: Optimizer,
    batches: ShuffledBatches,
    schedule: Schedule,
    first_step: int,
) -> Iterator[int]:
    """Take a step down the gradient of the loss for each batch, and yield after each."""
    loss = SoftmaxCrossEntropy(network.sizes[-1], network.parameters.dtype.type)
    for step, (images, labels) in enumerate(batches, first_step):
        logits = network.forward(images)
        network.backward(loss.gradient(logits, labels))
        optimizer.step(schedule.rate(step))
        yield step


def score_epoch(number: int, network: Network, splits: Mapping[str, Samples]) -> Epoch:
    """Score the network on every split that has samples."""
    scores = {
        split: evaluate(network, samples)
        for split, samples in splits.items()
        if len(samples.labels)
    }
    for score in scores.values():
        if not np.isfinite(score.loss):
            raise DivergenceError(number, score.loss)
    return Epoch(number, scores, network.parameters)


def evaluate(network: Network, samples: Samples) -> Score:
    """Score the network on the samples, dropout off, block by block."""
    loss, correct = 0.0, 0
    for start in range(0, len(samples.labels), EVALUATION_ROWS):
        block = slice(start, start + EVALUATION_ROWS)
        labels = samples.labels[block]
        logits = network.logits(samples.images[block])
        loss += float(cross_entropy(logits, labels).sum(dtype=np.float64))
        correct += int((logits.argmax(axis=1) == labels).sum())
    return Score(loss / len(samples.labels), correct / len(samples.labels))
