"""The masks of dropout."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from network.layers import Dropout


@given(
    rate=st.floats(0.01, 0.9), rows=st.sampled_from([1, 16, 100, 300]), seed=st.integers(0, 2**32)
)
def test_dropout_keeps_the_expectation(rate: float, rows: int, seed: int) -> None:
    layer = Dropout(rate, np.random.default_rng(seed))
    y = np.concatenate([layer.forward(np.ones((rows, 8))) for _ in range(4_000 // rows)])
    np.testing.assert_allclose(y[y > 0], 1 / (1 - rate), rtol=1e-4)
    deviation = math.sqrt(rate / (1 - rate) / y.size)
    assert abs(y.mean() - 1) < 6 * deviation


def test_dropout_masks_are_never_used_twice_and_are_those_of_the_gradient() -> None:
    layer = Dropout(0.5, np.random.default_rng(0))
    sizes = [16] * 40 + [300, 7, 16, 16]
    masks = set()
    for rows in sizes:
        mask = layer.forward(np.ones((rows, 64), np.float32))
        masks.add(mask.tobytes())
        gradient = np.random.default_rng(rows).normal(size=mask.shape)
        np.testing.assert_array_equal(layer.backward(gradient), mask * gradient)
    assert len(masks) == len(sizes)
