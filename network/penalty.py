"""L2 regularization, as a term of the loss and as the decay that it comes to."""

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
        np.multiply(self._weights, self._strength, self._weights_gradient)
        np.add(self._gradient, self._weights_gradient, self._gradient)


class WeightDecay:
    """W ← (1 - r) W, for a rate r that may be as small as the numbers' precision.

    The numbers just below 1 are 2⁻²⁴ apart in float32, and a usual r is a few of those. So r is
    rounded to a whole number of them, and what was rounded off is carried to the next step: no
    step is wrong by more than half the spacing, and their product is right.

    Parameters
    ----------
    weights : (n,), W
    """

    def __init__(self, weights: Floats) -> None:
        self._weights = weights
        self._spacing = float(np.finfo(weights.dtype).epsneg)
        self._carried = 0.0

    def apply(self, rate: float) -> None:
        """W ← (1 - r) W."""
        wanted = self._carried + rate
        applied = round(wanted / self._spacing) * self._spacing
        if applied:
            np.multiply(self._weights, 1 - applied, self._weights)
        self._carried = wanted - applied
