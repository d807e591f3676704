"""Mini-batches: each sample once per epoch, in a new random order, deformed before its use."""

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.arrays import Floats
from network.batches import ShuffledBatches, ahead
from network.deformation import Deformation

SIDE = 6


def random_images(n: int) -> Floats:
    return np.random.default_rng(0).random((n, SIDE**2), np.float32)


class Late(Deformation):
    """A deformation that waits before each chunk."""

    seconds = 0.0

    def __call__(self, images: Floats, out: Floats | None = None) -> Floats:
        """Wait, and deform."""
        time.sleep(self.seconds)
        return super().__call__(images, out)


def deformation(seed: int) -> Late:
    return Late(SIDE**2, np.random.default_rng(seed), rotation=20, shift=1, elastic=0.5)


@given(
    n=st.integers(1, 60),
    batch_size=st.integers(1, 30),
    chunk_bytes=st.sampled_from([1, 5000, 10_000]),
    whole_bytes=st.sampled_from([0, 2**30]),
    seed=st.integers(0, 2**32),
)
def test_each_image_is_deformed_in_the_order_of_training(
    n: int, batch_size: int, chunk_bytes: int, whole_bytes: int, seed: int
) -> None:
    batch_size = min(batch_size, n)
    images, labels = random_images(n), np.arange(n, dtype=np.uint8)
    untouched = images.copy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ShuffledBatches, "CHUNK_BYTES", chunk_bytes)
        patch.setattr(ShuffledBatches, "WHOLE_BYTES", whole_bytes)
        patch.setattr(ShuffledBatches, "POOL_BYTES", 5000)
        plain, deformed = (
            ShuffledBatches(images, labels, batch_size, np.random.default_rng(seed), chosen)
            for chosen in (None, deformation(seed))
        )
        by_hand = deformation(seed)
        for _ in range(2):
            expected = [(x.copy(), y.copy()) for x, y in plain]
            got = [(x.copy(), y.copy()) for x, y in deformed]
            assert [y.tolist() for _, y in got] == [y.tolist() for _, y in expected]
            for (x, _), (undeformed, _) in zip(got, expected, strict=True):
                # other blocks of rows are rounded otherwise
                np.testing.assert_allclose(x, by_hand(undeformed), atol=1e-5)
    assert (images == untouched).all()


@pytest.mark.parametrize("seconds", [(0.0, 0.0), (0.002, 0.0), (0.0, 0.002)])
def test_bytes_do_not_depend_on_time(
    seconds: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = random_images(200), np.arange(200, dtype=np.uint8)
    monkeypatch.setattr(ShuffledBatches, "CHUNK_BYTES", 20 * SIDE**2 * 4)
    slow_to_make, slow_to_use = seconds

    def epochs(make: float, use: float) -> list[bytes]:
        late = deformation(1)
        late.seconds = make
        batches = ShuffledBatches(images, labels, 10, np.random.default_rng(0), late)
        seen = []
        for _ in range(2):
            for x, _ in batches:
                before = x.tobytes()
                time.sleep(use)
                assert x.tobytes() == before  # the next chunk is written elsewhere
                seen.append(before)
        return seen

    assert epochs(slow_to_make, slow_to_use) == epochs(0, 0)


def test_one_item_is_made_ahead_and_no_more() -> None:
    made = 0

    def items() -> Iterator[int]:
        nonlocal made
        while made < 20:
            made += 1
            yield made

    for used in ahead(items()):
        time.sleep(0.001)
        assert made in {used, used + 1}
    assert used == 20


def test_items_are_made_while_others_are_used() -> None:
    used = threading.Event()

    def items() -> Iterator[int]:
        yield 0
        assert used.wait(10)  # made only if the first item is used meanwhile
        yield 1

    for _ in ahead(items()):
        used.set()


def test_an_error_on_the_second_thread_is_raised_in_training() -> None:
    def items() -> Iterator[int]:
        yield 0
        raise ArithmeticError("lost")

    with pytest.raises(ArithmeticError, match="lost"):
        list(ahead(items()))


def test_an_epoch_that_is_left_leaves_no_thread() -> None:
    before = threading.active_count()
    images, labels = random_images(50), np.arange(50)
    epoch = iter(ShuffledBatches(images, labels, 10, np.random.default_rng(0), deformation(0)))
    next(epoch)
    del epoch
    assert threading.active_count() == before


@given(
    n=st.integers(1, 200),
    batch_size=st.integers(1, 200),
    seed=st.integers(0, 2**32),
    limits=st.fixed_dictionaries(
        {
            "CHUNK_BYTES": st.sampled_from([1, 300, 10_000]),
            "WHOLE_BYTES": st.sampled_from([0, 2**30]),
            "BLOCK_BYTES": st.sampled_from([1, 100, 500]),
            "POOL_BYTES": st.sampled_from([1, 1000]),
        }
    ),
)
def test_an_epoch_has_each_sample_once(
    n: int, batch_size: int, seed: int, limits: dict[str, int]
) -> None:
    batch_size = min(batch_size, n)
    labels = np.arange(n, dtype=np.uint8)
    images = np.repeat(labels[:, None], 3, axis=1).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        for name, limit in limits.items():
            patch.setattr(ShuffledBatches, name, limit)
        batches = ShuffledBatches(images, labels, batch_size, np.random.default_rng(seed))
        for _ in range(2):
            epoch = [(images.copy(), labels.copy()) for images, labels in batches]
            assert all((x == y[:, None]).all() for x, y in epoch)
            assert sorted(np.concatenate([y for _, y in epoch])) == list(range(n))
            sizes = [len(y) for _, y in epoch]
            assert sizes == [batch_size] * (n // batch_size) + [n % batch_size][: n % batch_size]
            assert len(batches) == len(sizes)


def test_a_set_larger_than_memory_is_shuffled(monkeypatch: pytest.MonkeyPatch) -> None:
    # sorted labels are the worst case: without mixing, a batch would hold one class
    labels = np.repeat(np.arange(10, dtype=np.uint8), 400)
    images = labels[:, None].astype(np.float32)
    monkeypatch.setattr(ShuffledBatches, "WHOLE_BYTES", 0)
    monkeypatch.setattr(ShuffledBatches, "BLOCK_BYTES", 80 * 4)
    monkeypatch.setattr(ShuffledBatches, "POOL_BYTES", 1600 * 4)
    batches = list(ShuffledBatches(images, labels, 16, np.random.default_rng(0)))
    assert len(batches) == 250
    classes_per_batch = np.mean([len(np.unique(labels)) for _, labels in batches])
    assert classes_per_batch > 6  # 8.1 if all were permuted together


def test_each_epoch_has_its_own_order() -> None:
    images, labels = np.zeros((100, 1), np.float32), np.arange(100, dtype=np.uint8)

    def orders(seed: int) -> list[list[int]]:
        batches = ShuffledBatches(images, labels, 16, np.random.default_rng(seed))
        return [[int(label) for _, batch in batches for label in batch] for _ in range(3)]

    first, second, third = orders(0)
    assert first != second != third != first
    assert orders(0) == [first, second, third]
    assert orders(1)[0] != first
