"""Optimizers: they move a network's flat parameter vector, in place, by its flat gradient.

θ are the parameters, W the weights among them, g the gradient of the loss, η the learning rate
and λ the strength of the L2 penalty λ/2 Σ W². A step is a handful of operations on whole vectors,
and leaves the network's gradient overwritten.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from network.model import Network
from network.penalty import L2Penalty, WeightDecay


class Optimizer(Protocol):
    """What a training loop steps with."""

    def step(self, learning_rate: float) -> None:
        """Move the parameters by the gradient that ``Network.backward`` has just left."""


class SGD:
    """θ ← θ - η (g + λ W), as W ← (1 - η λ) W and θ ← θ - η g.

    Without momentum the two are the same: Loshchilov & Hutter, "Decoupled Weight Decay
    Regularization", ICLR 2019, proposition 1. The decay is a pass over memory less.
    """

    def __init__(self, network: Network, strength: float) -> None:
        self._parameters, self._gradient = network.parameters, network.gradient
        self._decay = WeightDecay(network.weights)
        self._strength = strength

    def step(self, learning_rate: float) -> None:
        """W ← (1 - η λ) W, then θ ← θ - η g."""
        self._decay.apply(learning_rate * self._strength)
        np.multiply(self._gradient, learning_rate, self._gradient)
        np.subtract(self._parameters, self._gradient, self._parameters)


class Momentum:
    """v ← μ v + g + λ W, then θ ← θ - η v.

    Source: Polyak, "Some methods of speeding up the convergence of iteration methods" (1964).
    """

    def __init__(self, network: Network, strength: float, momentum: float = 0.9) -> None:
        self._parameters, self._gradient = network.parameters, network.gradient
        self._penalty = L2Penalty(network.weights, network.weights_gradient, strength)
        self._momentum = momentum
        self._velocity = np.zeros_like(self._parameters)
        self._change = np.empty_like(self._parameters)

    def step(self, learning_rate: float) -> None:
        """v ← μ v + g + λ W, then θ ← θ - η v."""
        self._accelerate()
        np.multiply(self._velocity, learning_rate, self._change)
        np.subtract(self._parameters, self._change, self._parameters)

    def _accelerate(self) -> None:
        """v ← μ v + g + λ W; g is left as g + λ W."""
        self._penalty.add_gradient()
        np.multiply(self._velocity, self._momentum, self._velocity)
        np.add(self._velocity, self._gradient, self._velocity)


class Nesterov(Momentum):
    """v ← μ v + g + λ W, then θ ← θ - η (g + λ W + μ v).

    Source: Sutskever et al., "On the importance of initialization and momentum in deep learning",
    ICML 2013, with θ standing where its gradient is taken.
    """

    def step(self, learning_rate: float) -> None:
        """v ← μ v + g + λ W, then θ ← θ - η (g + λ W + μ v)."""
        self._accelerate()
        np.multiply(self._velocity, self._momentum, self._change)
        np.add(self._change, self._gradient, self._change)
        np.multiply(self._change, learning_rate, self._change)
        np.subtract(self._parameters, self._change, self._parameters)


class Adam:
    """θ ← θ - η m̂ / (√v̂ + ε), with m and v the running means of g + λ W and of its square.

    m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g², m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ) at step t.
    The vectors here are m / (1 - β₁) and v / (1 - β₂), and every constant is gathered into two
    numbers a step: fewer passes, the same θ.
    Source: Kingma & Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1.
    """

    def __init__(
        self,
        network: Network,
        strength: float,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None:
        self._parameters, self._gradient = network.parameters, network.gradient
        self._penalty = L2Penalty(network.weights, network.weights_gradient, strength)
        self._beta1, self._beta2, self._epsilon = beta1, beta2, epsilon
        self._first = np.zeros_like(self._parameters)
        self._second = np.zeros_like(self._parameters)
        self._steps = 0

    def step(self, learning_rate: float) -> None:
        """Update m and v, then θ."""
        self._penalty.add_gradient()
        self._adapt(learning_rate)

    def _adapt(self, learning_rate: float) -> None:
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


class AdamW(Adam):
    """W ← (1 - η λ) W, then Adam's step for g alone.

    Source: Loshchilov & Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, algorithm 2.
    """

    def __init__(
        self,
        network: Network,
        strength: float,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None:
        super().__init__(network, 0, beta1, beta2, epsilon)
        self._decay = WeightDecay(network.weights)
        self._strength = strength

    def step(self, learning_rate: float) -> None:
        """W ← (1 - η λ) W, then Adam's step."""
        self._decay.apply(learning_rate * self._strength)
        self._adapt(learning_rate)


OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {  # by the names in a parameters file
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adam": Adam,
    "adamw": AdamW,
}
