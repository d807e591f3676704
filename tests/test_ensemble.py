"""Ensembles: the mean of the logits, one network with the same logits, members of their own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.ensemble import Ensemble
from network.model import Network
from network.trainer import Trainer
from network.training import Samples, score
from tests.test_training import SHORT, TRAIN, VALIDATION


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
    (one, labels), (other, others) = (next(iter(each.batches)) for each in (first, second))
    assert (labels != others).any()
    assert not any(np.array_equal(row, each) for row in one for each in other)


def test_scores_and_the_kept_parameters_are_those_of_the_ensemble() -> None:
    trainer = Trainer(TRAIN, VALIDATION, **SHORT, members=3)
    *_, epoch = trainer.run()
    for name, samples in (("train", TRAIN), ("validation", VALIDATION)):
        assert epoch.scores[name] == score(trainer._ensemble, samples)
        assert epoch.scores[name] == pytest.approx(score(trainer.network, samples), rel=1e-5)
    assert trainer.network.sizes == (3, 24, 18, 3)


def test_equal_settings_give_equal_bytes_in_any_order_of_the_threads() -> None:
    def parameters() -> bytes:
        trainer = Trainer(TRAIN, **SHORT, members=4, dropout=0.2)
        list(trainer.run())
        return trainer.network.parameters.tobytes()

    assert len({parameters() for _ in range(3)}) == 1
