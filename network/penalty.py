"""L2 regularization."""

import numpy as np

from network.arrays import Floats


class L2Penalty:
    """R = λ/2 Σ W², over every weight and no bias.

    Source: Goodfellow, Bengio & Courville, "Deep Learning" (2016), section 7.1.1.

    Parameters
    ----------
    weights : (n,), W
    gradient : (n,), dL/dW, to which ``add_gradient`` adds
    strength : λ; weight_decay / batch_size in this project's convention
    """

    def __init__(self, weights: Floats, gradient: Floats, strength: float) -> None:
        self._weights, self._gradient = weights, gradient
        self._strength = strength
        self._weights_gradient = np.empty_like(weights)

    def value(self) -> float:
        """R = λ/2 Σ W²."""
        return self._strength / 2 * float(np.dot(self._weights, self._weights))

    def add_gradient(self) -> None:
        """dL/dW += λ W."""
        np.multiply(self._weights, self._strength, out=self._weights_gradient)
        np.add(self._gradient, self._weights_gradient, out=self._gradient)
