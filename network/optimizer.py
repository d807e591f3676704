"""Optimizers: they move a network's flat parameter vector, in place, by its flat gradient.

θ are the parameters, W the weights among them, g the gradient of the loss, η the learning rate. A
step is a few operations on whole vectors, and leaves the network's gradient overwritten. Weight
decay is an object of its own, applied at the start of each step: see ``network.decay``.
"""

from typing import Literal, Protocol, assert_never, get_args

import numpy as np

from network.arrays import Floats
from network.decay import CoupledDecay, Decay, DecoupledDecay
from network.model import Network

OptimizerName = Literal["sgd", "momentum", "nesterov", "adam", "adamw"]
OPTIMIZERS: tuple[OptimizerName, ...] = get_args(OptimizerName)


class Optimizer(Protocol):
    """An update rule with its state."""

    def step(self, learning_rate: float) -> None:
        """Move the parameters by the gradient of the last ``Network.backward``."""


def create_optimizer(
    name: OptimizerName,
    network: Network,
    strength: float,
    *,
    momentum: float = 0.9,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> Optimizer:
    """Return an optimizer by its name.

    SGD has no state that the penalty's gradient could enter, so its two forms of decay are the
    same (Loshchilov & Hutter 2019, proposition 1), and the decoupled one saves a pass over memory.

    Parameters
    ----------
    strength : λ of the L2 penalty λ/2 Σ W²
    momentum : of ``momentum`` and ``nesterov``, in [0, 1)
    beta1, beta2, epsilon : of ``adam`` and ``adamw``
    """
    match name:
        case "sgd":
            return SGD(network, DecoupledDecay(network, strength))
        case "momentum":
            return Momentum(network, CoupledDecay(network, strength), momentum)
        case "nesterov":
            return Nesterov(network, CoupledDecay(network, strength), momentum)
        case "adam":
            return Adam(network, CoupledDecay(network, strength), beta1, beta2, epsilon)
        case "adamw":
            return Adam(network, DecoupledDecay(network, strength), beta1, beta2, epsilon)
        case _:
            assert_never(name)


class SGD:
    """θ ← θ - η g."""

    def __init__(self, network: Network, decay: Decay) -> None:
        self._parameters, self._gradient = network.parameters, network.gradient
        self._decay = decay

    def step(self, learning_rate: float) -> None:
        """θ ← θ - η g."""
        self._decay.apply(learning_rate)
        np.multiply(self._gradient, learning_rate, self._gradient)
        np.subtract(self._parameters, self._gradient, self._parameters)


class Momentum:
    """v ← μ v + g, then θ ← θ - η v.

    Source: Polyak, "Some methods of speeding up the convergence of iteration methods" (1964).
    """

    def __init__(self, network: Network, decay: Decay, momentum: float) -> None:
        self._parameters, self._gradient = network.parameters, network.gradient
        self._decay = decay
        self._momentum = momentum
        self._velocity = np.zeros_like(self._parameters)
        self._change = np.empty_like(self._parameters)

    def step(self, learning_rate: float) -> None:
        """v ← μ v + g, then θ ← θ - η v."""
        self._decay.apply(learning_rate)
        np.multiply(self._velocity, self._momentum, self._velocity)
        np.add(self._velocity, self._gradient, self._velocity)
        np.multiply(self._direction(), learning_rate, self._change)
        np.subtract(self._parameters, self._change, self._parameters)

    def _direction(self) -> Floats:
        return self._velocity


class Nesterov(Momentum):
    """v ← μ v + g, then θ ← θ - η (g + μ v).

    Source: Sutskever et al., "On the importance of initialization and momentum in deep learning",
    ICML 2013, with θ the point at which the gradient is taken.
    """

    def _direction(self) -> Floats:
        """g + μ v."""
        np.multiply(self._velocity, self._momentum, self._change)
        return np.add(self._change, self._gradient, self._change)


class Adam:
    """θ ← θ - η m̂ / (√v̂ + ε), with m and v the running means of g and of its square.

    m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g², m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ) at step t.
    The vectors kept are m / (1 - β₁) and v / (1 - β₂), and the constants are combined into two
    numbers per step: fewer passes over memory, the same θ.
    Source: Kingma & Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1. With
    a decoupled decay it is AdamW: Loshchilov & Hutter, ICLR 2019, algorithm 2.
    """

    def __init__(
        self, network: Network, decay: Decay, beta1: float, beta2: float, epsilon: float
    ) -> None:
        self._parameters, self._gradient = network.parameters, network.gradient
        self._decay = decay
        self._beta1, self._beta2, self._epsilon = beta1, beta2, epsilon
        self._first = np.zeros_like(self._parameters)
        self._second = np.zeros_like(self._parameters)
        self._steps = 0

    def step(self, learning_rate: float) -> None:
        """Update m and v, then θ."""
        self._decay.apply(learning_rate)
        first, second, scratch = self._first, self._second, self._gradient
        self._steps += 1
        first_scale = (1 - self._beta1) / (1 - self._beta1**self._steps)
        second_scale = ((1 - self._beta2) / (1 - self._beta2**self._steps)) ** 0.5

        np.multiply(first, self._beta1, first)
        np.add(first, self._gradient, first)
        np.multiply(second, self._beta2, second)
        np.square(self._gradient, scratch)
        np.add(second, scratch, second)

        np.sqrt(second, scratch)
        np.add(scratch, self._epsilon / second_scale, scratch)
        np.divide(first, scratch, scratch)
        np.multiply(scratch, learning_rate * first_scale / second_scale, scratch)
        np.subtract(self._parameters, scratch, self._parameters)
