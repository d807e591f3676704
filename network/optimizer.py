"""Optimizers: each changes a network's parameters by the gradient of the loss.

θ are the parameters, W the weights among them, g the gradient of the loss, η the learning rate, and
λ/2 Σ W² the L2 penalty, over every weight and no bias.
"""

from collections.abc import Callable

import numpy as np

from network.arrays import Floats
from network.limits import OptimizerName
from network.model import Network


class Optimizer:
    """An update rule, with the vectors that it keeps from step to step.

    Parameters
    ----------
    network : its parameters are changed in place, and its gradient is overwritten
    decay : λ; weight_decay / batch_size in this project's convention
    momentum : used by ``Momentum`` and ``Nesterov``, in [0, 1)
    beta1, beta2, epsilon : used by ``Adam`` and ``AdamW``
    """

    kept = 0  # number of vectors kept, each as long as θ
    decoupled = False  # if so, the decay shrinks W directly, and else it adds λ W to dL/dW
    TINY = 1e-30  # smaller elements of kept vectors become 0
    PART = 27_000  # elements: updated part by part, so that temporary arrays stay in the cache

    def __init__(
        self,
        network: Network,
        decay: float = 0.0,
        *,
        momentum: float = 0.9,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None:
        self.decay, self.momentum = decay, momentum
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.steps = 0
        vectors = [network.parameters, network.gradient, network.weights, network.weights_gradient]
        vectors += [np.zeros_like(network.parameters) for _ in range(self.kept)]
        self._parts = [
            [vector[start : start + self.PART] for vector in vectors]
            for start in range(0, len(network.parameters), self.PART)
        ]

    def step(self, learning_rate: float) -> None:
        """Change the parameters by the gradient of the last ``Network.backward``."""
        self.steps += 1
        for part in self._parts:
            theta, g, weights, weights_gradient, *kept = part
            if self.decay and self.decoupled:
                weights *= 1 - learning_rate * self.decay
            elif self.decay:
                weights_gradient += self.decay * weights
            if self.steps % 64 == 0:
                # where g stays 0 they shrink to subnormal numbers, with which arithmetic is slow
                for vector in kept:
                    vector[np.abs(vector) < self.TINY] = 0
            self.update(theta, g, learning_rate, *kept)

    update: Callable[..., None]  # changes θ in place, given θ, g, η and the vectors kept


class SGD(Optimizer):
    """Gradient descent: W ← W - η (dL/dW + λ W) = (1 - η λ) W - η dL/dW, and b ← b - η dL/db.

    In float32 the factor is rounded to a multiple of 2⁻²⁴ ≈ 6e-8.
    """

    decoupled = True  # the same without kept vectors, and reads less memory
    PART = 2**16  # it needs no temporary arrays

    def update(self, theta: Floats, g: Floats, learning_rate: float) -> None:
        """θ ← θ - η g."""
        g *= learning_rate
        theta -= g


class Momentum(Optimizer):
    """Gradient descent with momentum.

    Source: Polyak, "Some methods of speeding up the convergence of iteration methods" (1964).
    """

    kept = 1

    def update(self, theta: Floats, g: Floats, learning_rate: float, v: Floats) -> None:
        """v ← μ v + g, then θ ← θ - η v."""
        v *= self.momentum
        v += g
        theta -= learning_rate * v


class Nesterov(Optimizer):
    """Gradient descent with Nesterov's momentum; θ is the point at which the gradient is taken.

    Source: Sutskever et al., "On the importance of initialization and momentum in deep learning",
    ICML 2013.
    """

    kept = 1

    def update(self, theta: Floats, g: Floats, learning_rate: float, v: Floats) -> None:
        """v ← μ v + g, then θ ← θ - η (g + μ v)."""
        v *= self.momentum
        v += g
        theta -= learning_rate * (g + self.momentum * v)


class Adam(Optimizer):
    """Steps of a similar size for every parameter, by running means of the gradient.

    Source: Kingma & Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1.
    """

    kept = 2

    def update(self, theta: Floats, g: Floats, learning_rate: float, m: Floats, v: Floats) -> None:
        """θ ← θ - η m̂ / (√v̂ + ε), with m and v the running means of g and of g².

        m ← β₁ m + (1 - β₁) g, m̂ = m / (1 - β₁ᵗ), v ← β₂ v + (1 - β₂) g², v̂ = v / (1 - β₂ᵗ) at
        step t.
        """
        m *= self.beta1
        m += (1 - self.beta1) * g
        v *= self.beta2
        v += (1 - self.beta2) * g**2
        c1, c2 = 1 - self.beta1**self.steps, 1 - self.beta2**self.steps
        # m̂ / (√v̂ + ε) = √c₂ / c₁ m / (√v + ε √c₂)
        theta -= learning_rate * c2**0.5 / c1 * m / (np.sqrt(v) + self.epsilon * c2**0.5)


class AdamW(Adam):
    """Adam after W ← (1 - η λ) W, so that the penalty does not enter m and v.

    Source: Loshchilov & Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, algorithm 2.
    """

    decoupled = True


OPTIMIZERS: dict[OptimizerName, type[Optimizer]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adam": Adam,
    "adamw": AdamW,
}
