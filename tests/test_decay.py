"""The two forms of weight decay."""

import numpy as np
import pytest
from network.decay import CoupledDecay, DecoupledDecay

from network.model import Network
from tests import reference


def test_coupled_decay_adds_the_gradient_of_the_penalty() -> None:
    network = reference.network_to_step()
    network.gradient[:] = 1.0
    before = network.parameters.copy()
    CoupledDecay(network, strength=0.3).apply(learning_rate=0.1)
    weights = network.weights.size
    np.testing.assert_array_equal(network.gradient[:weights], 1 + 0.3 * network.weights)
    np.testing.assert_array_equal(network.gradient[weights:], 1)
    np.testing.assert_array_equal(network.parameters, before)


def test_decoupled_decay_shrinks_the_weights_alone() -> None:
    network = reference.network_to_step()
    before = network.parameters.copy()
    DecoupledDecay(network, strength=0.3).apply(learning_rate=0.1)
    weights = network.weights.size
    np.testing.assert_allclose(network.weights, 0.97 * before[:weights], rtol=1e-14)
    np.testing.assert_array_equal(network.parameters[weights:], before[weights:])
    assert not network.gradient.any()


def test_decay_below_the_precision_of_float32_is_accurate() -> None:
    # 1 - 3.75e-7 would be six spacings of 2⁻²⁴ below 1: almost 5 % less decay than is meant
    network = Network([50, 20])
    network.initialize(np.random.default_rng(0))
    before = network.weights.astype(np.float64)
    decay = DecoupledDecay(network, strength=6.25e-5)
    for _ in range(100_000):
        decay.apply(learning_rate=0.006)
    assert np.log(network.weights / before).mean() == pytest.approx(-0.0375, rel=0.01)


@pytest.mark.parametrize("decay", [CoupledDecay, DecoupledDecay])
def test_nothing_decays_without_strength(decay: type[CoupledDecay | DecoupledDecay]) -> None:
    network = reference.network_to_step()
    network.gradient[:] = 1.0
    before = network.parameters.copy(), network.gradient.copy()
    decay(network, strength=0).apply(learning_rate=0.1)
    np.testing.assert_array_equal((network.parameters, network.gradient), before)
