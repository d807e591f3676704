"""The training loop, and the evaluation that it ends each epoch with."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from network.arrays import Floats, Labels
from network.batches import ShuffledBatches
from network.loss import SoftmaxCrossEntropy, cross_entropy
from network.model import Network
from network.optimizer import SGD
from network.penalty import L2Penalty

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
    """What an epoch, counted from 1, ended with; no samples in a split, no score of it."""

    number: int
    scores: dict[str, Score]


class DivergenceError(ArithmeticError):
    """The loss is no longer a finite number."""

    def __init__(self, epoch: int, loss: float) -> None:
        super().__init__(f"epoch {epoch}: the loss is {loss}")
        self.epoch, self.loss = epoch, loss


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


def train(
    network: Network,
    penalty: L2Penalty,
    optimizer: SGD,
    batches: ShuffledBatches,
    *,
    splits: Mapping[str, Samples],
    epochs: int,
) -> Iterator[Epoch]:
    """Train for a number of epochs, and yield the scores of all splits as each ends.

    Raises
    ------
    DivergenceError
        after the first epoch that leaves a loss that is not a finite number
    """
    for number in range(1, epochs + 1):
        with np.errstate(all="ignore"):  # DivergenceError says it once, and says when
            train_epoch(network, penalty, optimizer, batches)
            scores = {
                split: evaluate(network, samples)
                for split, samples in splits.items()
                if len(samples.labels)
            }
        for score in scores.values():
            if not np.isfinite(score.loss):
                raise DivergenceError(number, score.loss)
        yield Epoch(number, scores)


def train_epoch(
    network: Network, penalty: L2Penalty, optimizer: SGD, batches: ShuffledBatches
) -> None:
    """Take a step down the gradient of cross-entropy + penalty for each batch."""
    loss = SoftmaxCrossEntropy(network.classes, network.parameters.dtype.type)
    for images, labels in batches:
        logits = network.forward(images)
        network.backward(loss.gradient(logits, labels))
        penalty.add_gradient()
        optimizer.step()
