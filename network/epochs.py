"""The training loop."""

from collections.abc import Iterator
from threading import Event

from network.batches import ShuffledBatches
from network.loss import SoftmaxCrossEntropy
from network.model import Network
from network.optimizer import Optimizer
from network.schedule import Schedule


def train(
    network: Network,
    *,
    loss: SoftmaxCrossEntropy,
    optimizer: Optimizer,
    batches: ShuffledBatches,
    schedule: Schedule,
    epochs: int,
    stop: Event,
) -> Iterator[Network]:
    """Take one step per batch, and yield a copy of the network after each epoch.

    When ``stop`` is set, it ends before the next step.
    """
    step = 0
    for _ in range(epochs):
        for images, targets in batches:
            if stop.is_set():
                return
            logits = network.forward(images)
            network.backward(loss.gradient(logits, targets))
            optimizer.step(schedule.rate(step))
            step += 1
        yield network.copy()
