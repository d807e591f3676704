"""Mini-batches: each sample once per epoch, in a fresh random order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.batches import ShuffledBatches


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


def test_a_set_beyond_memory_is_shuffled_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
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
