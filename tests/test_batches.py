"""Mini-batches: each sample once per epoch, in a new random order, deformed before its use."""

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from network import threads
from network.arrays import Floats
from network.batches import ShuffledBatches
from network.deformation import Deformation

SIDE = 6


def random_images(n: int) -> Floats:
    return np.random.default_rng(0).random((n, SIDE**2), np.float32)


def batches(
    images: Floats, batch_size: int, seed: int, *, deformed: bool = False
) -> ShuffledBatches:
    """Return batches of images whose targets are their numbers."""
    return ShuffledBatches(
        images,
        np.arange(len(images), dtype=np.float32)[:, None],
        batch_size,
        np.random.default_rng(seed),
        deformation=Deformation(SIDE**2, rotation=20, shift=1, elastic=0.5) if deformed else None,
        streams=np.random.SeedSequence(seed),
    )


@given(
    n=st.integers(1, 200),
    batch_size=st.integers(1, 200),
    chunk=st.sampled_from([1, 20, 300]),
    seed=st.integers(0, 2**32),
)
def test_an_epoch_has_each_sample_once_and_deformation_keeps_the_order(
    n: int, batch_size: int, chunk: int, seed: int
) -> None:
    batch_size = min(batch_size, n)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ShuffledBatches, "CHUNK", chunk)
        patch.setattr(ShuffledBatches, "PART", 3 * chunk)
        images = random_images(n)
        plain = batches(images, batch_size, seed)
        deformed = batches(images, batch_size, seed, deformed=True)
        orders = []
        for _ in range(2):
            epoch = list(plain)
            sizes = [len(x) for x, _ in epoch]
            assert sizes == [batch_size] * (n // batch_size) + [n % batch_size][: n % batch_size]
            assert len(plain) == len(sizes)
            order = np.concatenate([y for _, y in epoch])[:, 0].astype(int)
            assert sorted(order) == list(range(n))
            np.testing.assert_array_equal(np.concatenate([x for x, _ in epoch]), images[order])
            for (x, y), (original, number) in zip(deformed, epoch, strict=True):
                np.testing.assert_array_equal(y, number)
                assert x.shape == original.shape
                assert (x != original).any()
            orders.append(order.tolist())
        assert n < 20 or orders[0] != orders[1]


def test_threads_change_no_byte_and_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ShuffledBatches, "CHUNK", 20)
    monkeypatch.setattr(ShuffledBatches, "PART", 90)

    equal_images = random_images(1).repeat(200, axis=0)

    def epochs(processors: int, seconds: float) -> list[bytes]:
        monkeypatch.setattr(threads, "processors", lambda: processors)
        chosen = batches(equal_images, 10, 0, deformed=True)
        seen = []
        for _ in range(2):
            for x, _ in chosen:
                time.sleep(seconds)
                seen.append(x.tobytes())
        return seen

    before = threading.active_count()
    first = epochs(1, 0)
    assert len(set(first)) == len(first)  # each image is deformed anew
    assert epochs(2, 0.001) == first
    assert epochs(5, 0) == first
    next(iter(batches(equal_images, 10, 0, deformed=True)))  # an epoch that is left
    assert threading.active_count() == before


def test_ahead_makes_one_item_while_another_is_used() -> None:
    used, stop = threading.Event(), threading.Event()
    made = []

    def items() -> Iterator[int]:
        made.append(1)
        yield 1
        assert used.wait(10)  # made only if the first item is used meanwhile
        made.append(2)
        yield 2
        raise ArithmeticError("lost")

    with pytest.raises(ArithmeticError, match="lost"):  # noqa: PT012
        for item in threads.ahead(items(), stop):
            used.set()
            assert len(made) <= item + 1
    assert made == [1, 2]
    assert stop.is_set()
