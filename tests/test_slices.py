"""Optimizers that work slice by slice, on one thread or several."""

from threading import Barrier, current_thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import network.optimizer
from network.arrays import Floats, Vectors
from network.model import Network
from network.optimizer import SLICES_PER_THREAD, Optimizer, OptimizerName, Sliced, create_optimizer
from network.trainer import Trainer

SMALL = 10  # elements of a slice in these tests


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network.optimizer, "SLICE", SMALL)


def parameters_after_three_steps(
    name: OptimizerName, sizes: list[int], slice_size: int, threads: int
) -> Floats:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network.optimizer, "SLICE", slice_size)
        trained = Network(sizes)
        generator = np.random.default_rng(0)
        trained.initialize(generator)
        optimizer = create_optimizer(name, trained, 0.1, threads=threads)
        for rate in (0.3, 0.01, 1e-5):
            trained.gradient[:] = generator.normal(size=trained.gradient.shape)
            optimizer.step(rate)
        return trained.parameters


@given(
    name=st.sampled_from(["sgd", "momentum", "nesterov", "adam", "adamw"]),
    sizes=st.lists(st.integers(1, 12), min_size=2, max_size=3),
    slice_size=st.integers(4, 100),
    threads=st.integers(1, 4),
)
def test_slices_and_threads_change_no_byte(
    name: OptimizerName, sizes: list[int], slice_size: int, threads: int
) -> None:
    whole = parameters_after_three_steps(name, sizes, 10**6, 1)
    np.testing.assert_array_equal(
        parameters_after_three_steps(name, sizes, slice_size, threads), whole
    )


class Meeting:
    """An optimizer that waits until as many threads as the barrier has parties take a step."""

    def __init__(self, vectors: Vectors, barrier: Barrier, names: list[str]) -> None:
        self._vectors, self._barrier, self._names = vectors, barrier, names

    def step(self, learning_rate: float) -> None:
        """Add the learning rate to the parameters, which shows that each slice is updated once."""
        self._barrier.wait(timeout=60)
        self._names.append(current_thread().name)
        self._vectors.parameters += learning_rate


@pytest.mark.usefixtures("small_slices")
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_take_the_same_number_of_slices_at_the_same_time(threads: int) -> None:
    whole = Network([SMALL * SLICES_PER_THREAD * threads - 1, 1])
    names: list[str] = []
    barrier = Barrier(threads)
    Sliced(whole, lambda vectors: Meeting(vectors, barrier, names), threads).step(0.5)
    assert {names.count(name) for name in names} == {SLICES_PER_THREAD}
    assert len(set(names)) == threads
    assert (whole.parameters == 0.5).all()


@pytest.mark.usefixtures("small_slices")
def test_a_few_slices_are_updated_on_one_thread() -> None:
    whole = Network([SMALL * (2 * SLICES_PER_THREAD - 1) - 1, 1])
    names: list[str] = []
    Sliced(whole, lambda vectors: Meeting(vectors, Barrier(1), names), threads=2).step(0.5)
    assert set(names) == {current_thread().name}


@pytest.mark.usefixtures("small_slices")
def test_an_error_in_any_slice_reaches_the_caller() -> None:
    class Failing:
        def step(self, learning_rate: float) -> None:
            if current_thread().name.startswith("ThreadPool"):
                raise FloatingPointError(f"in a worker, at {learning_rate}")

    def create(_: Vectors) -> Optimizer:
        return Failing()

    whole = Network([SMALL * 2 * SLICES_PER_THREAD, 1])
    with pytest.raises(FloatingPointError, match="in a worker"):
        Sliced(whole, create, threads=2).step(0.5)


@pytest.mark.usefixtures("small_slices")
def test_training_on_two_threads_gives_the_bytes_of_one() -> None:
    generator = np.random.default_rng(0)
    images = generator.random((60, 12), np.float32)
    labels = generator.integers(0, 3, 60)
    one, two = (
        Trainer((images, labels), classes=3, hidden=[16], epochs=3, threads=threads)
        for threads in (1, 2)
    )
    for trainer in (one, two):
        for _ in trainer.run():
            pass
    np.testing.assert_array_equal(one.network.parameters, two.network.parameters)
