"""The training loop, and the scores of a network."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from numpy.typing import NDArray

from network.arrays import Floats, Labels
from network.ensemble import Ensemble
from network.loss import SoftmaxCrossEntropy
from network.metrics import Evaluation
from network.model import Network
from network.optimizer import Optimizer
from network.schedule import Schedule

# of the widest layer, in the scoring of a block: 4 MiB in float32. Smaller blocks call NumPy more
# often, and each call may interrupt the thread that trains the next epoch.
BLOCK_ACTIVATIONS = 2**20


class Samples(NamedTuple):
    """Images (n, features) and their labels (n,), whole numbers from 0."""

    images: NDArray[Any]
    labels: Labels


class Score(NamedTuple):
    """Mean cross-entropy in nats and share of correct predictions, dropout off."""

    loss: float
    accuracy: float


def train_epoch(
    network: Network,
    optimizer: Optimizer,
    batches: Iterable[tuple[Floats, Labels]],
    schedule: Schedule,
    first_step: int = 0,
) -> None:
    """Take one step of the optimizer per batch.

    Parameters
    ----------
    batches : images (rows, features) and labels (rows,) of each batch
    first_step : number of the first step in the schedule, from 0
    """
    loss = SoftmaxCrossEntropy(network.sizes[-1], network.parameters.dtype.type)
    for step, (images, labels) in enumerate(batches, first_step):
        logits = network.forward(images)
        network.backward(loss.gradient(logits, labels))
        optimizer.step(schedule.rate(step))


def score(network: Network | Ensemble, samples: Samples) -> Score:
    """Return the loss and accuracy on at least one sample, computed block by block."""
    evaluation = Evaluation(network.sizes[-1])
    rows = max(1, BLOCK_ACTIVATIONS // max(network.sizes[1:]))
    for start in range(0, len(samples.labels), rows):
        block = slice(start, start + rows)
        evaluation.add(network.logits(samples.images[block]), samples.labels[block])
    return Score(evaluation.loss, evaluation.accuracy)
