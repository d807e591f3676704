"""Ensembles: the mean of the logits, one network with the same logits, members of their own."""

import threading
import time
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from network.ensemble import Ensemble
from network.training import Samples, score

from network.model import Network
from network.optimizer import Optimizer
from network.trainer import DivergenceError, Trainer
from tests.blobs import OVERFITTING, SHORT, TRAIN, VALIDATION


def ensemble_of(sizes: list[int], members: int, seed: int) -> Ensemble:
    generator = np.random.default_rng(seed)
    networks = [Network(sizes) for _ in range(members)]
    for network in networks:
        network.parameters[:] = generator.normal(size=len(network.parameters))
    return Ensemble(networks)


@given(
    sizes=st.lists(st.integers(1, 9), min_size=2, max_size=5),
    members=st.integers(1, 4),
    rows=st.integers(1, 5),
    seed=st.integers(0, 99),
)
def test_logits_are_the_mean_and_those_of_the_merged_network(
    sizes: list[int], members: int, rows: int, seed: int
) -> None:
    ensemble = ensemble_of(sizes, members, seed)
    x = np.random.default_rng(seed + 1).normal(size=(rows, sizes[0])).astype(np.float32)
    mean = np.mean([member.logits(x) for member in ensemble.members], axis=0)
    np.testing.assert_allclose(ensemble.logits(x), mean, rtol=1e-4, atol=1e-4)
    merged = ensemble.merge()
    assert merged.sizes == (sizes[0], *(members * units for units in sizes[1:-1]), sizes[-1])
    np.testing.assert_allclose(merged.logits(x), mean, rtol=1e-4, atol=1e-4)
    samples = Samples(x, np.zeros(rows, np.uint8))
    losses = [score(member, samples).loss for member in ensemble.members]
    assert score(ensemble, samples).loss <= np.mean(losses) + 1e-3 * max(losses)


def test_merged_weights_are_blocks_and_halves() -> None:
    ensemble = ensemble_of([2, 1, 1, 2], 2, seed=0)
    first, second = (member.state_dict() for member in ensemble.members)
    merged = ensemble.merge().state_dict()
    np.testing.assert_array_equal(merged["W1"], np.hstack([first["W1"], second["W1"]]))
    np.testing.assert_array_equal(merged["b2"], np.hstack([first["b2"], second["b2"]]))
    diagonal = np.diag([first["W2"].item(), second["W2"].item()])
    np.testing.assert_array_equal(merged["W2"], diagonal)
    np.testing.assert_array_equal(merged["W3"], np.vstack([first["W3"], second["W3"]]) / 2)
    np.testing.assert_array_equal(merged["b3"], first["b3"] / 2 + second["b3"] / 2)


def test_a_single_member_is_not_copied() -> None:
    network = Network([3, 2])
    assert Ensemble([network]).merge() is network


def test_a_copy_has_the_parameters_and_keeps_them() -> None:
    ensemble = ensemble_of([3, 4, 2], 2, seed=0)
    before = [member.parameters.copy() for member in ensemble.members]
    copy = ensemble.copy()
    for member in ensemble.members:
        member.parameters[:] = 0
    for member, parameters in zip(copy.members, before, strict=True):
        np.testing.assert_array_equal(member.parameters, parameters)
    ensemble.assign(copy)
    np.testing.assert_array_equal(ensemble.members[1].parameters, before[1])


@pytest.mark.parametrize("hidden", [[], [8], [8, 6]])
def test_the_first_member_is_the_network_trained_alone(hidden: list[int]) -> None:
    options = {**SHORT, "hidden": hidden, "dropout": 0.1, "optimizer": "nesterov"}
    alone, several = Trainer(TRAIN, **options), Trainer(TRAIN, **options, members=2)
    list(alone.run())
    list(several.run())
    first, second = (each.network for each in several._members)
    assert first.parameters.tobytes() == alone.network.parameters.tobytes()
    assert (second.parameters != first.parameters).any()


def test_members_differ_by_weights_shuffle_masks_and_deformation() -> None:
    images = np.random.default_rng(0).random((40, 9), dtype=np.float32)
    samples = Samples(images, np.arange(40) % 3)
    trainer = Trainer(samples, **SHORT, members=2, dropout=0.5, shift=1)
    first, second = trainer._members
    assert (first.network.parameters != second.network.parameters).any()
    second.network.parameters[:] = first.network.parameters
    x = images[:5]
    assert (first.network.forward(x) != second.network.forward(x)).any()  # the masks
    labels, others = (next(iter(each.batches))[1] for each in (first, second))
    assert (labels != others).any()
    deformations = [each.batches._deformation for each in (first, second)]
    one, other = (deform(images) for deform in deformations if deform)
    assert (one != other).any()


@pytest.mark.parametrize("keep", ["last", "best"])
def test_scores_and_the_kept_parameters_are_those_of_the_ensemble(
    keep: Literal["last", "best"],
) -> None:
    trainer = Trainer(TRAIN, VALIDATION, **OVERFITTING, members=3, keep=keep)
    losses = [epoch.scores["validation"].loss for epoch in trainer.run()]
    assert trainer.kept.number == (len(losses) if keep == "last" else 1 + np.argmin(losses))
    assert min(losses) < losses[-1]
    for name, samples in (("train", TRAIN), ("validation", VALIDATION)):
        assert trainer.kept.scores[name] == score(trainer._ensemble, samples)
        assert trainer.kept.scores[name] == pytest.approx(score(trainer.network, samples), rel=1e-5)


class Slow:
    """An optimizer that waits before each step."""

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer

    def step(self, learning_rate: float) -> None:
        """Wait, then take the step."""
        time.sleep(1e-3)
        self._optimizer.step(learning_rate)


@pytest.mark.parametrize("slow", [0, 1, 2])
def test_a_slow_member_changes_no_byte(slow: int) -> None:
    trainers = [Trainer(TRAIN, VALIDATION, **SHORT, members=3, dropout=0.2) for _ in range(2)]
    member = trainers[1]._members[slow]
    trainers[1]._members[slow] = member._replace(optimizer=Slow(member.optimizer))
    first, second = (list(trainer.run()) for trainer in trainers)
    assert first == second
    parameters = [trainer.network.parameters.tobytes() for trainer in trainers]
    assert parameters[0] == parameters[1]


class Failing:
    """An optimizer that cannot take a step."""

    def step(self, _: float) -> None:
        """Fail."""
        raise MemoryError


def test_a_fault_in_a_member_ends_all() -> None:
    trainer = Trainer(TRAIN, **SHORT, members=3)
    trainer._members[1] = trainer._members[1]._replace(optimizer=Failing())
    threads = threading.active_count()
    with pytest.raises(MemoryError):
        next(trainer.run())
    assert threading.active_count() == threads


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_member_that_diverges_ends_the_training() -> None:
    trainer = Trainer(TRAIN, **SHORT, members=2)
    trainer._members[1].network.parameters[:] = np.nan
    with pytest.raises(DivergenceError):
        next(trainer.run())
