"""Mini-batches in a new random order each epoch."""

import math
from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from network.arrays import Floats
from network.deformation import Deformation
from network.threads import in_order

Batch = tuple[Floats, Floats]
Rows = NDArray[np.intp]
Number = TypeVar("Number", bound=np.generic)


class ShuffledBatches:
    """Mini-batches in random order: an iteration is one epoch, and contains each sample once.

    The last batch is the rest. Deforming images takes longer than training on them, so it is done
    ahead on all processors, some batches at a time. Each such chunk has a random stream of its own:
    no byte depends on the number of threads or on timing.

    Parameters
    ----------
    images, targets : (n, features) and (n, classes), float32; images may be memory-mapped
    batch_size : at most n
    generator : used for the order alone
    deformation : applied to each image in each epoch; None leaves the images unchanged
    streams : parent of the random streams of the deformation
    """

    CHUNK = 256  # images deformed at a time, rounded up to whole batches

    def __init__(
        self,
        images: Floats,
        targets: Floats,
        batch_size: int,
        generator: np.random.Generator,
        *,
        deformation: Deformation | None = None,
        streams: np.random.SeedSequence | None = None,
    ) -> None:
        self._images, self._targets = images, targets
        self._batch_size = batch_size
        self._generator = generator
        self._deformation = deformation
        self._streams = streams or np.random.SeedSequence(0)

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

        def deformed(chunk: tuple[Rows, np.random.SeedSequence]) -> tuple[Floats, Rows]:
            rows, stream = chunk
            return deformation(self._images[rows], np.random.default_rng(stream)), rows

        size = math.ceil(self.CHUNK / self._batch_size) * self._batch_size
        chunks = ((rows, self._streams.spawn(1)[0]) for rows in parts(order, size))
        for images, rows in in_order(deformed, chunks):
            batches = parts(images, self._batch_size), parts(rows, self._batch_size)
            for batch, its_rows in zip(*batches, strict=True):
                yield batch, self._targets[its_rows]


def parts(array: NDArray[Number], size: int) -> Iterator[NDArray[Number]]:
    """Yield consecutive views of ``size`` rows; the last is the rest."""
    for start in range(0, len(array), size):
        yield array[start : start + size]
