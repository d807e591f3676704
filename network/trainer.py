"""A trainer: plain values become a network, an optimizer, batches and a schedule."""

import math
from collections.abc import Generator, Sequence
from threading import Event
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from network.arrays import Floats, Labels
from network.batches import ShuffledBatches
from network.deformation import Deformation
from network.epochs import train
from network.layers import Dropout
from network.limits import CHOICES, LIMITS, Keep, OptimizerName, ScheduleName, check
from network.loss import SoftmaxCrossEntropy
from network.metrics import Score, score
from network.model import Network
from network.optimizer import OPTIMIZERS
from network.samples import checked, one_hot
from network.schedule import SHAPES, Schedule
from network.threads import ahead

SAMPLE = 256  # training images that show whether units are dead


class Epoch(NamedTuple):
    """The number of an epoch, from 1, and the score of each split that has samples."""

    number: int
    scores: dict[str, Score]


class DivergenceError(ArithmeticError):
    """Training has failed: the loss is not a finite number, or all units of a layer are 0."""

    def __init__(self, epoch: int, reason: str) -> None:
        super().__init__(f"epoch {epoch}: {reason}; lower learning_rate")
        self.epoch, self.reason = epoch, reason


class Trainer:
    """A network with its batches, optimizer and learning rate schedule.

    Initial weights, shuffle, deformation and each layer's dropout have separate random streams,
    spawned from ``seed``.

    Parameters
    ----------
    train, validation : images (n, features) of any real dtype, used as float32, and labels (n,) of
        any integer dtype, in [0, ``classes``)
    classes : number of classes
    hidden : number of units of each hidden layer
    dropout : share of units dropped in training, in [0, 1): one number, or one per hidden layer
    optimizer, momentum, beta1, beta2, epsilon : see ``network.optimizer``
    learning_rate : highest learning rate of the schedule
    batch_size : at most the number of training samples
    epochs : passes over the training samples
    weight_decay : the L2 penalty is weight_decay / batch_size / 2 Σ W²
    schedule : course of the learning rate; see ``network.schedule``
    warmup : epochs in which the learning rate rises, at most ``epochs``; may be a fraction
    rotation, scale, shear, shift, elastic : limits of the deformation of the training images, which
        is drawn in each epoch; see ``network.deformation.Deformation``
    keep : keep the parameters of the "last" epoch, or of the "best", that with the lowest
        validation loss
    seed : seed of all random streams

    Raises
    ------
    ValueError
        if an array or a setting is wrong, or they do not fit together; the message begins with the
        name. ``network.limits`` has the limits.

    Attributes
    ----------
    network : the trained network; when ``run`` ends, early or not, it has the parameters to keep
    kept : the epoch of these parameters

    Examples
    --------
    >>> trainer = Trainer((images, labels), classes=10, epochs=5)
    >>> for epoch in trainer.run():
    ...     print(epoch.number, epoch.scores["train"].accuracy)
    >>> trainer.network.predict(images)
    """

    kept: Epoch

    def __init__(
        self,
        train: tuple[NDArray[Any], Labels],
        validation: tuple[NDArray[Any], Labels] | None = None,
        *,
        classes: int,
        hidden: Sequence[int] = (64, 32),
        dropout: float | Sequence[float] = 0.0,
        optimizer: OptimizerName = "sgd",
        learning_rate: float = 0.006,
        batch_size: int = 16,
        epochs: int = 35,
        weight_decay: float = 0.0,
        schedule: ScheduleName = "constant",
        warmup: float = 0.0,
        momentum: float = 0.9,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        keep: Keep = "last",
        rotation: float = 0.0,
        scale: float = 0.0,
        shear: float = 0.0,
        shift: float = 0.0,
        elastic: float = 0.0,
        seed: int = 0,
    ) -> None:
        for name, value in list(locals().items()):
            if name in ("hidden", "dropout"):
                for number in np.array(value, object).flat:
                    check(name, number)
            elif name in LIMITS or name in CHOICES:
                check(name, value)
        if np.ndim(hidden) != 1:
            raise ValueError(f"hidden: must be a list of whole numbers, got {hidden}")
        if np.ndim(dropout) and np.shape(dropout) != np.shape(hidden):
            raise ValueError(
                f"dropout: needs one rate per hidden layer ({len(hidden)}), got {np.size(dropout)}"
            )
        if warmup > epochs:
            raise ValueError(f"warmup: must be at most epochs ({epochs}), got {warmup}")

        images, labels = checked("train", train, classes)
        others = checked("validation", validation or (images[:0], labels[:0]), classes)
        n, features = images.shape
        if not n:
            raise ValueError("train: must contain at least one image")
        if others[0].shape[1] != features:
            raise ValueError(
                f"validation: images must have {features} features as those of train,"
                f" have {others[0].shape[1]}"
            )
        if batch_size > n:
            raise ValueError(
                f"batch_size: must be at most the number of training images ({n}), got {batch_size}"
            )
        self._splits = {"train": (images, labels)}
        if len(others[1]):
            self._splits["validation"] = others
        elif keep == "best":
            raise ValueError("keep: 'best' needs validation images")

        weights, shuffle, masks, deformations = np.random.SeedSequence(seed).spawn(4)
        rates = np.broadcast_to(dropout, len(hidden))
        drops = [
            Dropout(rate, np.random.default_rng(stream)) if rate else None
            for rate, stream in zip(rates, masks.spawn(len(rates)), strict=True)
        ]
        self.network = Network([features, *hidden, classes], drops)
        self.network.initialize(np.random.default_rng(weights))
        self._optimizer = OPTIMIZERS[optimizer](
            self.network,
            weight_decay / batch_size,
            momentum=momentum,
            beta1=beta1,
            beta2=beta2,
            epsilon=epsilon,
        )
        deformation = None
        if any([rotation, scale, shear, shift, elastic]):
            deformation = Deformation(
                features, rotation=rotation, scale=scale, shear=shear, shift=shift, elastic=elastic
            )
        self._batches = ShuffledBatches(
            images,
            one_hot(labels, classes),
            batch_size,
            np.random.default_rng(shuffle),
            deformation=deformation,
            streams=deformations,
        )
        steps = len(self._batches)
        self._schedule = Schedule(
            SHAPES[schedule], learning_rate, epochs * steps, round(warmup * steps)
        )
        self._epochs, self._keep, self._ran = epochs, keep, False

    def run(self) -> Generator[Epoch, None, None]:
        """Train, and yield each epoch when it is scored.

        ``network.epochs.train`` trains the next epoch on a second thread while this thread scores a
        copy of the network as it was after the last one.

        Raises
        ------
        DivergenceError
            after the first epoch whose loss is not a finite number, or with a dead layer
        RuntimeError
            if it was called before
        """
        if self._ran:
            raise RuntimeError("run: has trained this network already; make a new Trainer")
        self._ran = True
        stop = Event()
        networks = ahead(
            train(
                self.network,
                loss=SoftmaxCrossEntropy(),
                optimizer=self._optimizer,
                batches=self._batches,
                schedule=self._schedule,
                epochs=self._epochs,
                stop=stop,
            ),
            stop,
        )
        kept = self.network.copy()
        try:
            for number, network in enumerate(networks, start=1):
                epoch = Epoch(number, self._score(number, network))
                if number == 1 or self._keep == "last" or loss_of(epoch) < loss_of(self.kept):
                    self.kept, kept = epoch, network
                yield epoch
        finally:
            networks.close()
            self.network.parameters[:] = kept.parameters

    def _score(self, number: int, network: Network) -> dict[str, Score]:
        scores = {name: score(network, *split) for name, split in self._splits.items()}
        for each in scores.values():
            if not math.isfinite(each.loss):
                raise DivergenceError(number, f"the loss is {each.loss}")
        if layer := dead_layer(network, self._splits["train"][0]):
            raise DivergenceError(
                number, f"all units of hidden layer {layer} are 0 for every training image"
            )
        return scores


def loss_of(epoch: Epoch) -> float:
    """Return the validation loss."""
    return epoch.scores["validation"].loss


def dead_layer(network: Network, images: Floats) -> int | None:
    """Return the number of the first hidden layer, from 1, whose units are 0 for every image.

    Its gradient is then 0 as well, so that it stays as it is.
    """
    alive = [False] * (len(network.sizes) - 2)
    for start in range(0, len(images), SAMPLE):
        hidden = network.outputs(images[start : start + SAMPLE])[1::2]
        alive = [known or bool(h.any()) for known, h in zip(alive, hidden, strict=True)]
        if all(alive):
            return None
    return 1 + alive.index(False)
