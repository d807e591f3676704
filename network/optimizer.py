"""Optimizers: each updates a network's flat parameter vector in place, by its flat gradient.

θ are the parameters, W the weights among them, g the gradient of the loss, η the learning rate. A
step is a few operations on whole vectors, and may overwrite the network's gradient. Weight decay is
a separate object, applied at the start of each step: see ``network.decay``. A large network is
updated slice by slice: see ``Sliced``.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, Protocol, assert_never, get_args

import numpy as np

from network.arrays import Floats, Vectors
from network.decay import CoupledDecay, Decay, DecoupledDecay

OptimizerName = Literal["sgd", "momentum", "nesterov", "adam", "adamw"]
OPTIMIZERS: tuple[OptimizerName, ...] = get_args(OptimizerName)

SLICE = 2**16  # elements: 256 KiB in float32
SLICES_PER_THREAD = 8  # at least: for fewer, a second thread costs more time than it saves


class Optimizer(Protocol):
    """An update rule with its state."""

    def step(self, learning_rate: float) -> None:
        """Update the parameters by the gradient of the last ``Network.backward``."""


def create_optimizer(
    name: OptimizerName,
    network: Vectors,
    strength: float,
    *,
    momentum: float = 0.9,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    threads: int = 1,
) -> Optimizer:
    """Return an optimizer by its name.

    SGD has no state that the penalty's gradient could enter, so its two forms of decay are the
    same (Loshchilov & Hutter 2019, proposition 1), and the decoupled one saves a pass over memory.

    Parameters
    ----------
    name : one of ``OPTIMIZERS``
    network : its parameters are updated in place
    strength : λ of the L2 penalty λ/2 Σ W²
    momentum : of ``momentum`` and ``nesterov``, in [0, 1)
    beta1, beta2, epsilon : of ``adam`` and ``adamw``
    threads : number of threads that share the slices of a large network; the result is the same
        for every number
    """

    def create(vectors: Vectors) -> Optimizer:
        match name:
            case "sgd":
                return SGD(vectors, DecoupledDecay(vectors, strength))
            case "momentum":
                return Momentum(vectors, CoupledDecay(vectors, strength), momentum)
            case "nesterov":
                return Nesterov(vectors, CoupledDecay(vectors, strength), momentum)
            case "adam":
                return Adam(vectors, CoupledDecay(vectors, strength), beta1, beta2, epsilon)
            case "adamw":
                return Adam(vectors, DecoupledDecay(vectors, strength), beta1, beta2, epsilon)
            case _:
                assert_never(name)

    small = len(network.parameters) <= SLICE
    return create(network) if small else Sliced(network, create, threads)


@dataclass
class Slice:
    """The same elements of each of a network's vectors."""

    parameters: Floats
    gradient: Floats
    weights: Floats
    weights_gradient: Floats


class Sliced:
    """An optimizer for each slice of a network's vectors.

    A step is several elementwise operations. On vectors larger than the processor's cache, each
    operation reads them from memory again; a slice stays in the cache until the last operation. The
    slices are independent of each other, so that neither their size nor the number of threads
    changes a byte.

    Parameters
    ----------
    network : its vectors are cut into slices of ``SLICE`` elements
    create : returns the optimizer of a slice
    threads : number of threads that share the slices, the caller's included; fewer are used for
        few slices
    """

    def __init__(
        self, network: Vectors, create: Callable[[Vectors], Optimizer], threads: int
    ) -> None:
        parts = [slice(start, start + SLICE) for start in range(0, len(network.parameters), SLICE)]
        optimizers = [
            create(
                Slice(
                    network.parameters[part],
                    network.gradient[part],
                    network.weights[part],
                    network.weights_gradient[part],
                )
            )
            for part in parts
        ]
        threads = max(1, min(threads, len(optimizers) // SLICES_PER_THREAD))
        self._own, *self._others = (optimizers[first::threads] for first in range(threads))
        self._workers = ThreadPoolExecutor(threads)

    def step(self, learning_rate: float) -> None:
        """Take the step of each slice."""

        def take(optimizers: Sequence[Optimizer]) -> None:
            for optimizer in optimizers:
                optimizer.step(learning_rate)

        others = [self._workers.submit(take, each) for each in self._others]
        take(self._own)
        for each in others:
            each.result()


class SGD:
    """θ ← θ - η g."""

    def __init__(self, vectors: Vectors, decay: Decay) -> None:
        self._parameters, self._gradient = vectors.parameters, vectors.gradient
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

    def __init__(self, vectors: Vectors, decay: Decay, momentum: float) -> None:
        self._parameters, self._gradient = vectors.parameters, vectors.gradient
        self._decay = decay
        self._momentum = momentum
        self._velocity = np.zeros_like(self._parameters)

    def step(self, learning_rate: float) -> None:
        """v ← μ v + g, then θ ← θ - η v."""
        self._decay.apply(learning_rate)
        np.multiply(self._velocity, self._momentum, self._velocity)
        np.add(self._velocity, self._gradient, self._velocity)
        np.subtract(self._parameters, learning_rate * self._direction(), self._parameters)

    def _direction(self) -> Floats:
        return self._velocity


class Nesterov(Momentum):
    """v ← μ v + g, then θ ← θ - η (g + μ v).

    Source: Sutskever et al., "On the importance of initialization and momentum in deep learning",
    ICML 2013, with θ the point at which the gradient is taken.
    """

    def _direction(self) -> Floats:
        """g + μ v."""
        return self._gradient + self._momentum * self._velocity


class Adam:
    """θ ← θ - η m̂ / (√v̂ + ε), with m and v the running means of g and of its square.

    m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g², m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ) at step t.
    The vectors kept are m / (1 - β₁) and v / (1 - β₂), and the constants are combined into two
    numbers per step: fewer passes over memory, the same θ.
    Source: Kingma & Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1. With
    a decoupled decay it is AdamW: Loshchilov & Hutter, ICLR 2019, algorithm 2.
    """

    def __init__(
        self, vectors: Vectors, decay: Decay, beta1: float, beta2: float, epsilon: float
    ) -> None:
        self._parameters, self._gradient = vectors.parameters, vectors.gradient
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
