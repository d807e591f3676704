"""The split into training and validation samples."""

from stages.shared.split import stratified_split

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

some_labels = arrays(np.uint8, st.integers(1, 200), elements=st.integers(0, 9))


def split(
    labels: NDArray[np.uint8], size: int, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    return stratified_split(labels, size, np.random.default_rng(seed))


@given(labels=some_labels, data=st.data(), seed=st.integers(0, 2**32))
def test_the_split_is_a_stratified_partition(
    labels: NDArray[np.uint8], data: st.DataObject, seed: int
) -> None:
    size = data.draw(st.integers(0, len(labels) - 1))
    train, validation = split(labels, size, seed)
    np.testing.assert_array_equal(validation, split(labels, size, seed)[1])
    assert len(validation) == size
    assert sorted([*train, *validation]) == list(range(len(labels)))
    assert list(train) == sorted(train)
    assert list(validation) == sorted(validation)
    for label in np.unique(labels):
        quota = size * (labels == label).mean()
        assert abs((labels[validation] == label).sum() - quota) < 1


def test_another_seed_gives_another_split() -> None:
    labels = np.arange(100, dtype=np.uint8) % 10
    assert set(split(labels, 20, seed=0)[1]) != set(split(labels, 20, seed=1)[1])
