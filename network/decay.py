"""Weight decay: the L2 penalty R = λ/2 Σ W², over every weight and no bias.

An optimizer is given one of two forms. ``CoupledDecay`` adds the penalty's gradient to that of the
loss, so that momentum and Adam's means see it. ``DecoupledDecay`` shrinks the weights directly.
Source of the distinction: Loshchilov & Hutter, "Decoupled Weight Decay Regularization", ICLR 2019.
"""

from typing import Protocol

import numpy as np

from network.arrays import Vectors


class Decay(Protocol):
    """The part of an optimizer's step that comes from the penalty."""

    def apply(self, learning_rate: float) -> None:
        """Change the gradient or the weights in place, before the optimizer uses the gradient."""


class CoupledDecay:
    """dL/dW += λ W.

    Source: Goodfellow, Bengio & Courville, "Deep Learning" (2016), section 7.1.1.

    Parameters
    ----------
    vectors : the weights W and their gradient
    strength : λ; weight_decay / batch_size in this project's convention
    """

    def __init__(self, vectors: Vectors, strength: float) -> None:
        self._weights, self._gradient = vectors.weights, vectors.weights_gradient
        self._strength = strength

    def apply(self, learning_rate: float) -> None:  # noqa: ARG002 - the optimizer applies it
        """dL/dW += λ W."""
        np.add(self._gradient, self._strength * self._weights, self._gradient)


class DecoupledDecay:
    """W ← (1 - η λ) W, for η λ that may be as small as the precision of the numbers.

    The numbers just below 1 are 2⁻²⁴ apart in float32, and a usual η λ is a few of these spacings.
    So it is rounded to a multiple of the spacing, and the remainder is carried to the next step: no
    step is wrong by more than half the spacing, and the product of all steps is right.

    Parameters
    ----------
    vectors : the weights W
    strength : λ; weight_decay / batch_size in this project's convention
    """

    def __init__(self, vectors: Vectors, strength: float) -> None:
        self._weights = vectors.weights
        self._strength = strength
        self._spacing = float(np.finfo(self._weights.dtype).epsneg)
        self._carried = 0.0

    def apply(self, learning_rate: float) -> None:
        """W ← (1 - η λ) W."""
        wanted = self._carried + learning_rate * self._strength
        applied = round(wanted / self._spacing) * self._spacing
        if applied:
            np.multiply(self._weights, 1 - applied, self._weights)
        self._carried = wanted - applied
