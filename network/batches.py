"""Mini-batches in a new random order each epoch."""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import TypeVar

import numpy as np

from network.arrays import Floats, Labels
from network.deformation import Deformation

Item = TypeVar("Item")


class ShuffledBatches:
    """Mini-batches in random order: an iteration is one epoch, and holds each sample once.

    The last batch holds the rest. The order is one permutation of all samples. Rows are gathered in
    chunks of whole batches, one call per chunk, into an array small enough to stay in the
    processor's cache until its batches are used.

    Images of more than ``WHOLE_BYTES`` may not fit into memory, and each random row would then be
    a separate read from the disk. Their order is random in two steps: blocks of neighbouring rows,
    each read at once, are drawn at random into a pool, and the pool's rows are permuted.
    Source: Xu et al., "In-Database Machine Learning with CorgiPile", SIGMOD 2022, section 4, which
    also shows that training converges as well.

    Deforming a chunk takes longer than gathering it, so it is done on a second thread: while one
    chunk is used, the next one is made. Chunks are made one after another in the order of their
    use, so that no byte depends on timing or on the number of cores.

    Parameters
    ----------
    images : (n, features), float32, which may be memory-mapped
    labels : (n,), of any integer dtype
    batch_size : at most n
    generator : used for the order alone
    deformation : applied to each image in each epoch; None leaves the images unchanged
    """

    CHUNK_BYTES = 256 * 2**10
    WHOLE_BYTES = 4 * 2**30
    POOL_BYTES = 32 * 2**20
    BLOCK_BYTES = 512 * 2**10

    def __init__(
        self,
        images: Floats,
        labels: Labels,
        batch_size: int,
        generator: np.random.Generator,
        deformation: Deformation | None = None,
    ) -> None:
        self._images, self._labels = images, labels
        self._batch_size = batch_size
        self._generator = generator
        self._deformation = deformation
        rows = min(self._whole_batches(self.CHUNK_BYTES), len(images))
        # with a deformation, one is used while the other is made
        self._chunks = np.empty((2 if deformation else 1, rows, images.shape[1]), images.dtype)

    def __len__(self) -> int:
        """Return the number of batches per epoch."""
        return math.ceil(len(self._images) / self._batch_size)

    def __iter__(self) -> Iterator[tuple[Floats, Labels]]:
        """Yield images (rows, features) and labels (rows,), intp, valid until the next batch."""
        chunks = self._gather()
        for images, labels in ahead(chunks) if self._deformation else chunks:
            for start in range(0, len(labels), self._batch_size):
                batch = slice(start, start + self._batch_size)
                yield images[batch], labels[batch]

    def _gather(self) -> Iterator[tuple[Floats, Labels]]:
        """Yield the chunks of an epoch; the preallocated arrays hold them in turn."""
        whole = self._images.nbytes <= self.WHOLE_BYTES
        chunks = cycle(self._chunks)
        for pool_images, pool_labels in [(self._images, self._labels)] if whole else self._pools():
            order = self._generator.permutation(len(pool_images))
            for first in range(0, len(order), self._chunks.shape[1]):
                rows = order[first : first + self._chunks.shape[1]]
                # the default mode would gather into a copy first
                images = pool_images.take(rows, axis=0, out=next(chunks)[: len(rows)], mode="clip")
                if self._deformation:
                    self._deformation(images, out=images)
                yield images, pool_labels[rows].astype(np.intp)

    def _pools(self) -> Iterator[tuple[Floats, Labels]]:
        """Fill the pool with random blocks, and yield it whenever it is full."""
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
        """Return the rows of the batches that fit into ``size`` bytes, at least one batch."""
        batches: int = max(1, size // (self._batch_size * self._images[0].nbytes))
        return batches * self._batch_size


def ahead(iterator: Iterator[Item]) -> Iterator[Item]:
    """Yield the same items; a second thread makes each while the one before it is used."""
    with ThreadPoolExecutor(1) as second_thread:
        following = second_thread.submit(next, iterator, None)
        while (item := following.result()) is not None:
            following = second_thread.submit(next, iterator, None)
            yield item
