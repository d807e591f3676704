"""Mini-batches in a new random order each epoch."""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from network import threads
from network.arrays import Floats
from network.deformation import Deformation

Batch = tuple[Floats, Floats]
Rows = NDArray[np.intp]
Number = TypeVar("Number", bound=np.generic)


class ShuffledBatches:
    """Mini-batches in random order: an iteration is one epoch, and contains each sample once.

    The last batch is the rest. Deforming an image takes longer than training on it, so all
    processors deform a part of the epoch before it is used, a chunk at a time. Each chunk has a
    random stream of its own: no byte depends on the number of threads. They do not deform during
    training, because its many short operations would wait for Python's lock.

    Parameters
    ----------
    images, targets : (n, features) and (n, classes), float32; images may be memory-mapped
    batch_size : at most n
    generator : used for the order alone
    deformation : applied to each image in each epoch; None leaves the images unchanged
    streams : parent of the random streams of the deformation
    """

    PART = 8192  # images deformed before they are used, rounded up to whole batches
    CHUNK = 1024  # images deformed by one thread at a time

    def __init__(
        self,
        images: Floats,
        targets: Floats,
        batch_size: int,
        generator: np.random.Generator,
        *,
        deformation: Deformation | None,
        streams: np.random.SeedSequence,
    ) -> None:
        self._images, self._targets = images, targets
        self._batch_size = batch_size
        self._generator = generator
        self._deformation = deformation
        self._streams = streams

    def __len__(self) -> int:
        """Return the number of batches per epoch."""
        return math.ceil(len(self._images) / self._batch_size)

    def __iter__(self) -> Iterator[Batch]:
        """Yield images (rows, features) and targets (rows, classes)."""
        order = self._generator.permutation(len(self._images))
        deformation = self._deformation
        if deformation is None:
            for rows in parts(order, self._batch_size):
                yield self._images.take(rows, axis=0), self._targets.take(rows, axis=0)
            return

        def deform(rows: Rows, stream: np.random.SeedSequence) -> Floats:
            return deformation(self._images[rows], np.random.default_rng(stream))

        size = math.ceil(self.PART / self._batch_size) * self._batch_size
        with ThreadPoolExecutor(threads.processors()) as pool:
            for rows in parts(order, size):
                chunks = [*parts(rows, self.CHUNK)]
                streams = self._streams.spawn(len(chunks))
                images = np.concatenate([*pool.map(deform, chunks, streams)])
                batches = parts(images, self._batch_size), parts(rows, self._batch_size)
                for batch, its_rows in zip(*batches, strict=True):
                    yield batch, self._targets[its_rows]


def parts(array: NDArray[Number], size: int) -> Iterator[NDArray[Number]]:
    """Yield consecutive views of ``size`` rows; the last is the rest."""
    for start in range(0, len(array), size):
        yield array[start : start + size]
