"""Mini-batches in a fresh random order each epoch."""

import math
from collections.abc import Iterator

import numpy as np

from network.arrays import Floats, Labels


class ShuffledBatches:
    """Iterating gives one epoch: every sample once, the last batch with what is left.

    The order is one permutation of all samples. Rows are gathered a chunk of whole batches at a
    time, in one call, into an array small enough to stay in the processor's cache until its
    batches are used.

    Parameters
    ----------
    images : (n, features), which may be memory-mapped
    labels : (n,)
    batch_size : at most n
    generator : the shuffle's own
    """

    CHUNK_BYTES = 256 * 1024

    def __init__(
        self, images: Floats, labels: Labels, batch_size: int, generator: np.random.Generator
    ) -> None:
        self._images, self._labels = images, labels
        self._batch_size = batch_size
        self._generator = generator
        batches = max(1, self.CHUNK_BYTES // (batch_size * images[0].nbytes))
        rows = min(batches * batch_size, len(images))
        self._chunk = np.empty((rows, images.shape[1]), images.dtype)

    def __len__(self) -> int:
        """Count the batches of an epoch."""
        return math.ceil(len(self._images) / self._batch_size)

    def __iter__(self) -> Iterator[tuple[Floats, Labels]]:
        """Yield images (batch_size, features) and labels (batch_size,), valid until the next."""
        order = self._generator.permutation(len(self._images))
        for first in range(0, len(order), len(self._chunk)):
            rows = order[first : first + len(self._chunk)]
            # the default mode would gather into a copy first
            images = self._images.take(rows, axis=0, out=self._chunk[: len(rows)], mode="clip")
            labels = self._labels[rows].astype(np.intp)
            for start in range(0, len(rows), self._batch_size):
                batch = slice(start, start + self._batch_size)
                yield images[batch], labels[batch]
