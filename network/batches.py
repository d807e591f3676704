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

    Images of more than ``WHOLE_BYTES`` may not fit into memory, and each row at random would then
    be a read from the disk. Their order is random in two steps: blocks of neighbouring rows, read
    in one piece each, are drawn at random into a pool, and the pool's rows are permuted.
    Source: Xu et al., "In-Database Machine Learning with CorgiPile", SIGMOD 2022, section 4, which
    also shows that training converges as well.

    Parameters
    ----------
    images : (n, features), which may be memory-mapped
    labels : (n,)
    batch_size : at most n
    generator : the shuffle's own
    """

    CHUNK_BYTES = 256 * 2**10
    WHOLE_BYTES = 4 * 2**30
    POOL_BYTES = 32 * 2**20
    BLOCK_BYTES = 512 * 2**10

    def __init__(
        self, images: Floats, labels: Labels, batch_size: int, generator: np.random.Generator
    ) -> None:
        self._images, self._labels = images, labels
        self._batch_size = batch_size
        self._generator = generator
        rows = min(self._whole_batches(self.CHUNK_BYTES), len(images))
        self._chunk = np.empty((rows, images.shape[1]), images.dtype)

    def __len__(self) -> int:
        """Count the batches of an epoch."""
        return math.ceil(len(self._images) / self._batch_size)

    def __iter__(self) -> Iterator[tuple[Floats, Labels]]:
        """Yield images (batch_size, features) and labels (batch_size,), valid until the next."""
        whole = self._images.nbytes <= self.WHOLE_BYTES
        for pool_images, pool_labels in [(self._images, self._labels)] if whole else self._pools():
            order = self._generator.permutation(len(pool_images))
            for first in range(0, len(order), len(self._chunk)):
                rows = order[first : first + len(self._chunk)]
                # the default mode would gather into a copy first
                images = pool_images.take(rows, axis=0, out=self._chunk[: len(rows)], mode="clip")
                labels = pool_labels[rows].astype(np.intp)
                for start in range(0, len(rows), self._batch_size):
                    batch = slice(start, start + self._batch_size)
                    yield images[batch], labels[batch]

    def _pools(self) -> Iterator[tuple[Floats, Labels]]:
        """Fill the pool with block after block, and yield it when it is full."""
        block_rows = self._whole_batches(self.BLOCK_BYTES)
        blocks_a_pool = max(1, self.POOL_BYTES // (block_rows * self._images[0].nbytes))
        images = np.empty((blocks_a_pool * block_rows, *self._images.shape[1:]), self._images.dtype)
        labels = np.empty(len(images), self._labels.dtype)
        # a block that is not full comes last, so that only the last batch is short
        full = len(self._images) // block_rows
        starts = [*block_rows * self._generator.permutation(full), full * block_rows]
        for group in range(0, len(starts), blocks_a_pool):
            filled = 0
            for start in starts[group : group + blocks_a_pool]:
                block = self._images[start : start + block_rows]
                images[filled : filled + len(block)] = block
                labels[filled : filled + len(block)] = self._labels[start : start + block_rows]
                filled += len(block)
            yield images[:filled], labels[:filled]

    def _whole_batches(self, size: int) -> int:
        """Count the rows of as many batches as fit into that many bytes, and of one at least."""
        batches: int = max(1, size // (self._batch_size * self._images[0].nbytes))
        return batches * self._batch_size
