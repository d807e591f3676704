"""Optimizers: they move the flat parameter vector, in place, by its flat gradient."""

import numpy as np

from network.arrays import Floats


class SGD:
    """Gradient descent: θ ← θ - η g.

    Parameters
    ----------
    parameters : (n,), θ
    gradient : (n,), g
    learning_rate : η
    """

    def __init__(self, parameters: Floats, gradient: Floats, learning_rate: float) -> None:
        self._parameters, self._gradient = parameters, gradient
        self._learning_rate = learning_rate

    def step(self) -> None:
        """θ ← θ - η g; g is left as η g."""
        np.multiply(self._gradient, self._learning_rate, out=self._gradient)
        np.subtract(self._parameters, self._gradient, out=self._parameters)


OPTIMIZERS = {"sgd": SGD}  # by the names that a parameters file gives them
