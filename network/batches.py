"""Mini-batches in a fresh random order each epoch."""

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
    """An iteration is one epoch: every sample once, the last batch with the rest.

    The order is one permutation of all samples. Rows are gathered by chunks of whole batches, each
    in one call, into an array small enough to stay in the processor's cache until its batches are
    used.

    Images of more than ``WHOLE_BYTES`` may not fit into memory, and each row at random would then
    be a read from the disk. Their order is random in two steps: blocks of neighbouring rows, read
    in one piece each, are drawn at random into a pool, and the pool's rows are permuted.
    Source: Xu et al., "In-Database Machine Learning with CorgiPile", SIGMOD 2022, section 4, which
    also shows that training converges as well.

    Deforming a chunk takes longer than gathering it, so it is done on a second thread: while one
    chunk is used, the next is made, and no more. Chunks are made one after another in the order of
    their use, so that no byte depends on timing or on the number of cores.

    Parameters
    ----------
    images : (n, features), which may be memory-mapped
    labels : (n,)
    batch_size : at most n
    generator : the shuffle's own
    deformation : of each image, anew in each epoch; None leaves the images as they are
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
        # with a deformation, one to use and one to make meanwhile
        self._chunks = np.empty((2 if deformation else 1, rows, images.shape[1]), images.dtype)

    def __len__(self) -> int:
        """Count the batches of an epoch."""
        return math.ceil(len(self._images) / self._batch_size)

    def __iter__(self) -> Iterator[tuple[Floats, Labels]]:
        """Yield images (batch_size, features) and labels (batch_size,), valid until the next."""
        chunks = self._gather()
        for images, labels in ahead(chunks) if self._deformation else chunks:
            for start in range(0, len(labels), self._batch_size):
                batch = slice(start, start + self._batch_size)
                yield images[batch], labels[batch]

    def _gather(self) -> Iterator[tuple[Floats, Labels]]:
        """Yield one chunk after another, in turn in each of the arrays that there are."""
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


def ahead(iterator: Iterator[Item]) -> Iterator[Item]:
    """Yield the same items, each made on a second thread while the one before is used."""
    with ThreadPoolExecutor(1) as second_thread:
        following = second_thread.submit(next, iterator, None)
        while (item := following.result()) is not None:
            following = second_thread.submit(next, iterator, None)
            yield item
