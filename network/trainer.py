"""Training from plain values: they become a network, an optimizer, batches and a schedule."""

import math
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import takewhile
from threading import Event
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from network.arrays import Labels
from network.batches import ShuffledBatches
from network.deformation import Deformation
from network.ensemble import Ensemble
from network.layers import Dropout
from network.model import Network
from network.optimizer import OPTIMIZERS, Optimizer, OptimizerName, create_optimizer
from network.schedule import SHAPES, Schedule, ScheduleName
from network.training import Samples, Score, score, train_epoch


class Epoch(NamedTuple):
    """The number of an epoch, from 1, and the score of each split that has samples."""

    number: int
    scores: dict[str, Score]


class DivergenceError(ArithmeticError):
    """The loss is no longer a finite number."""

    def __init__(self, epoch: int, loss: float) -> None:
        super().__init__(f"epoch {epoch}: the loss is {loss}")


class Member(NamedTuple):
    """A network of an ensemble, with the optimizer and the batches that train it."""

    network: Network
    optimizer: Optimizer
    batches: ShuffledBatches


class Trainer:
    """A network, or several that are averaged, with batches, optimizer and learning rate schedule.

    Initial weights, shuffle, deformation and each layer's dropout have separate random streams for
    each member, spawned from ``seed``.

    Parameters
    ----------
    train, validation : images (n, features) of any real dtype, used as float32, and labels (n,) of
        any integer dtype, in [0, ``classes``)
    classes : number of classes
    hidden : number of units of each hidden layer
    members : number of networks, trained independently of each other on all training samples, each
        in a thread of its own; see ``network.ensemble.Ensemble``
    dropout : share of units dropped in training, in [0, 1): one number, or one per hidden layer
    optimizer, momentum, beta1, beta2, epsilon : see ``network.optimizer.create_optimizer``
    learning_rate : highest learning rate of the schedule
    batch_size : at most the number of training samples
    epochs : passes over the training samples
    weight_decay : the L2 penalty is weight_decay / batch_size / 2 Σ W²
    schedule : of the learning rate; see ``network.schedule``
    warmup : epochs in which the learning rate rises, at most ``epochs``; may be a fraction
    rotation, scale, shear, shift, elastic : limits of the deformation of the training images, which
        is drawn in each epoch; see ``network.deformation.Deformation``
    keep : keep the parameters of the "last" epoch, or of the "best", that with the lowest
        validation loss
    threads : number of threads that update the parameters of each wide network; threadpoolctl sets
        the number for the matrix products
    seed : of all random streams

    Raises
    ------
    ValueError
        if an array or a setting is wrong, or they do not fit together; the message begins with the
        name

    Attributes
    ----------
    network : the trained network; when ``run`` ends, early or not, it has the parameters to keep
    kept : the epoch of these parameters

    Examples
    --------
    >>> trainer = Trainer((images, labels), classes=10, epochs=5)
    >>> for epoch in trainer.run():
    ...     print(epoch.number, epoch.scores["train"].accuracy)
    >>> trainer.network.logits(images).argmax(axis=1)
    """

    def __init__(
        self,
        train: tuple[NDArray[Any], Labels],
        validation: tuple[NDArray[Any], Labels] | None = None,
        *,
        classes: int,
        hidden: Sequence[int] = (64, 32),
        members: int = 1,
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
        keep: Literal["last", "best"] = "last",
        rotation: float = 0.0,
        scale: float = 0.0,
        shear: float = 0.0,
        shift: float = 0.0,
        elastic: float = 0.0,
        threads: int = 1,
        seed: int = 0,
    ) -> None:
        splits = {"train": train, "validation": validation} if validation else {"train": train}
        self._splits = {name: _samples(name, *split, classes) for name, split in splits.items()}
        images, labels = self._splits["train"]
        features = images.shape[1]
        for name, split in self._splits.items():
            if split.images.shape[1] != features:
                raise ValueError(
                    f"{name}: images must have {features} features as those of train,"
                    f" have {split.images.shape[1]}"
                )
        if keep == "best" and not ("validation" in splits and len(self._splits["validation"][1])):
            raise ValueError("keep: 'best' needs validation images")
        rates = [dropout] * len(hidden) if isinstance(dropout, float | int) else list(dropout)
        optimizers, schedules = ", ".join(OPTIMIZERS), ", ".join(SHAPES)
        share, positive = "in [0, 1)", "a finite number above 0"
        batch_sizes = f"from 1 to the number of training images ({len(labels)})"
        for name, value, valid, rule in (
            ("hidden", hidden, all(units >= 1 for units in hidden), "at least 1 each"),
            ("members", members, members >= 1, "at least 1"),
            ("dropout", dropout, all(0 <= rate < 1 for rate in rates), share),
            ("optimizer", optimizer, optimizer in OPTIMIZERS, f"one of {optimizers}"),
            ("learning_rate", learning_rate, 0 < learning_rate < math.inf, positive),
            ("batch_size", batch_size, 1 <= batch_size <= len(labels), batch_sizes),
            ("epochs", epochs, epochs >= 1, "at least 1"),
            ("weight_decay", weight_decay, 0 <= weight_decay < math.inf, "a finite number from 0"),
            ("schedule", schedule, schedule in SHAPES, f"one of {schedules}"),
            ("warmup", warmup, 0 <= warmup <= epochs, f"from 0 to the number of epochs ({epochs})"),
            ("momentum", momentum, 0 <= momentum < 1, share),
            ("beta1", beta1, 0 <= beta1 < 1, share),
            ("beta2", beta2, 0 <= beta2 < 1, share),
            ("epsilon", epsilon, 0 < epsilon < math.inf, positive),
            ("rotation", rotation, 0 <= rotation <= 180, "from 0 to 180 degrees"),
            ("scale", scale, 0 <= scale <= 2, "from 0 to 2"),
            ("shear", shear, 0 <= shear <= 2, "from 0 to 2"),
            ("shift", shift, 0 <= shift <= 100, "from 0 to 100 pixels"),
            ("elastic", elastic, 0 <= elastic <= 100, "from 0 to 100 pixels"),
            ("keep", keep, keep in {"last", "best"}, "last or best"),
        ):
            if not valid:
                raise ValueError(f"{name}: must be {rule}, got {value}")
        if len(rates) != len(hidden):
            raise ValueError(
                f"dropout: needs one rate per hidden layer ({len(hidden)}), got {len(rates)}"
            )

        limits = {
            "rotation": rotation,
            "scale": scale,
            "shear": shear,
            "shift": shift,
            "elastic": elastic,
        }

        root = np.random.SeedSequence(seed)
        self._members = []
        for _ in range(members):
            weights, shuffle, masks, deformations = root.spawn(4)
            drops = [
                Dropout(units, rate, np.random.default_rng(stream)) if rate else None
                for units, rate, stream in zip(hidden, rates, masks.spawn(len(rates)), strict=True)
            ]
            network = Network([features, *hidden, classes], drops)
            network.initialize(np.random.default_rng(weights))
            update_rule = create_optimizer(
                optimizer,
                network,
                weight_decay / batch_size,
                momentum=momentum,
                beta1=beta1,
                beta2=beta2,
                epsilon=epsilon,
                threads=threads,
            )
            deformation = None
            if any(limits.values()):
                deformation = Deformation(features, np.random.default_rng(deformations), **limits)
            batches = ShuffledBatches(
                images, labels, batch_size, np.random.default_rng(shuffle), deformation
            )
            self._members.append(Member(network, update_rule, batches))
        self._ensemble = Ensemble([each.network for each in self._members])
        steps = len(self._members[0].batches)
        self._schedule = Schedule(
            SHAPES[schedule], learning_rate, epochs * steps, round(warmup * steps)
        )
        self._epochs = epochs
        self._keep_best = keep == "best"

    @property
    def network(self) -> Network:
        """Return the network; several members are merged into a new one at each access."""
        return self._ensemble.merge()

    def run(self) -> Generator[Epoch, None, None]:
        """Train, and yield each epoch when it is scored.

        For each member, a worker thread trains the next epoch while this thread scores a copy of
        the parameters of the last one: NumPy releases the GIL, so they run in parallel. If the
        iteration ends early, the workers stop before their next batch.

        Raises
        ------
        DivergenceError
            after the first epoch whose loss is not a finite number
        """
        ended, kept = self._ensemble.copy(), self._ensemble.copy()
        lowest = math.inf
        stop = Event()
        workers = ThreadPoolExecutor(len(self._members))

        def start(number: int) -> list[Future[None]]:
            return [workers.submit(self._train_epoch, each, number, stop) for each in self._members]

        try:
            training = start(1)
            for number in range(1, self._epochs + 1):
                for each in training:
                    each.result()
                ended.assign(self._ensemble)
                if number < self._epochs:
                    training = start(number + 1)
                epoch = Epoch(number, self._score(number, ended))
                if not self._keep_best or epoch.scores["validation"].loss < lowest:
                    self.kept = epoch
                    ended, kept = kept, ended
                    if self._keep_best:
                        lowest = epoch.scores["validation"].loss
                yield epoch
        finally:
            stop.set()
            workers.shutdown()
            self._ensemble.assign(kept)

    def _train_epoch(self, member: Member, number: int, stop: Event) -> None:
        batches = takewhile(lambda _: not stop.is_set(), member.batches)
        first_step = (number - 1) * len(member.batches)
        train_epoch(member.network, member.optimizer, batches, self._schedule, first_step)

    def _score(self, number: int, ensemble: Ensemble) -> dict[str, Score]:
        scores = {
            name: score(ensemble, samples)
            for name, samples in self._splits.items()
            if len(samples.labels)
        }
        for each in scores.values():
            if not math.isfinite(each.loss):
                raise DivergenceError(number, each.loss)
        return scores


def _samples(name: str, images: NDArray[Any], labels: Labels, classes: int) -> Samples:
    """Check images (n, features) and labels (n,), and convert the images to float32."""
    images, labels = np.asarray(images), np.asarray(labels)
    if images.ndim != 2 or images.shape[1] == 0 or images.dtype.kind not in "fiub":
        raise ValueError(
            f"{name}: images must be real numbers of shape (n, features),"
            f" are {images.dtype} of shape {images.shape}"
        )
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(
            f"{name}: labels must be whole numbers of shape {images.shape[:1]},"
            f" are {labels.dtype} of shape {labels.shape}"
        )
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(
            f"{name}: labels must be in [0, {classes}), are in [{labels.min()}, {labels.max()}]"
        )
    return Samples(np.asarray(images, np.float32), labels)
