"""Layers: ``forward`` maps a batch onwards, ``backward`` maps the gradient of the loss back.

A batch is (rows, features). Each layer keeps what its ``backward`` needs and owns the arrays it
returns: they hold until its next call, and are allocated anew only when the row count changes.
"""

from typing import Protocol

import numpy as np

from network.arrays import Floats, FloatType


class Layer(Protocol):
    """What a network is a sequence of."""

    def forward(self, x: Floats) -> Floats:
        """Return y (rows, out) for x (rows, in)."""

    def backward(self, gradient: Floats) -> Floats:
        """Return dL/dx (rows, in) for dL/dy (rows, out), at the x of the last ``forward``."""


class Dense:
    """y = x W + b, with W (in, out) and b (out,).

    Parameters
    ----------
    weights, bias : W and b, which an optimizer changes in place
    weights_gradient, bias_gradient : of the same shapes; ``backward`` overwrites them
    """

    def __init__(
        self, weights: Floats, bias: Floats, weights_gradient: Floats, bias_gradient: Floats
    ) -> None:
        self.weights, self.bias = weights, bias
        self.weights_gradient, self.bias_gradient = weights_gradient, bias_gradient
        self._x = self._x_gradient = np.empty((0, weights.shape[0]), weights.dtype)
        self._y = np.empty((0, weights.shape[1]), weights.dtype)

    def forward(self, x: Floats) -> Floats:
        """y = x W + b."""
        if len(x) != len(self._y):
            self._y = np.empty((len(x), self._y.shape[1]), self._y.dtype)
        self._x = x
        np.matmul(x, self.weights, out=self._y)
        return np.add(self._y, self.bias, out=self._y)

    def backward(self, gradient: Floats) -> Floats:
        """dL/dx = dL/dy Wᵀ, after the gradients of W and b."""
        self.differentiate(gradient)
        if len(gradient) != len(self._x_gradient):
            self._x_gradient = np.empty_like(self._x)
        return np.matmul(gradient, self.weights.T, out=self._x_gradient)

    def differentiate(self, gradient: Floats) -> None:
        """dL/dW = xᵀ dL/dy and dL/db = Σ_rows dL/dy, all that is asked of the first layer."""
        np.matmul(self._x.T, gradient, out=self.weights_gradient)
        np.add.reduce(gradient, axis=0, out=self.bias_gradient)


class ReLU:
    """y = max(x, 0)."""

    def __init__(self, dtype: FloatType) -> None:
        self._zero = np.zeros((), dtype)  # an array, because a Python 0 is converted at every call
        self._y = self._x_gradient = np.empty((0, 0), dtype)

    def forward(self, x: Floats) -> Floats:
        """y = max(x, 0)."""
        if x.shape != self._y.shape:
            self._y, self._x_gradient = np.empty_like(x), np.empty_like(x)
        return np.maximum(x, self._zero, out=self._y)

    def backward(self, gradient: Floats) -> Floats:
        """dL/dx = [x > 0] dL/dy, where [x > 0] = sign(y) because y is never negative."""
        slope = np.sign(self._y, out=self._x_gradient)
        return np.multiply(gradient, slope, out=self._x_gradient)


class Dropout:
    """y = m x / (1 - rate), each m ~ Bernoulli(1 - rate): inverted dropout.

    The division keeps E[y] = x, so that a network leaves the layer out when it evaluates.
    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
    Overfitting", JMLR 15 (2014), section 10.

    Parameters
    ----------
    rate : in [0, 1), the share of units that are dropped
    generator : the masks' own; those of many batches are drawn in one call
    """

    ROWS_DRAWN = 256

    def __init__(self, rate: float, generator: np.random.Generator) -> None:
        self._keep = 1 - rate
        self._generator = generator
        empty: Floats = np.empty((0, 0))
        self._masks = self._mask = self._y = self._x_gradient = empty
        self._next = 0

    def forward(self, x: Floats) -> Floats:
        """y = m x / (1 - rate), with a fresh m for every element."""
        if x.shape != self._y.shape:
            self._y, self._x_gradient = np.empty_like(x), np.empty_like(x)
        if self._next + len(x) > len(self._masks):
            self._draw(x)
        self._mask = self._masks[self._next : self._next + len(x)]
        self._next += len(x)
        return np.multiply(x, self._mask, out=self._y)

    def backward(self, gradient: Floats) -> Floats:
        """dL/dx = m / (1 - rate) dL/dy."""
        return np.multiply(gradient, self._mask, out=self._x_gradient)

    def _draw(self, x: Floats) -> None:
        """Draw m / (1 - rate) for this batch and those after it."""
        if len(self._masks) < len(x):
            self._masks = np.empty((max(len(x), self.ROWS_DRAWN), x.shape[1]), x.dtype)
        self._generator.random(out=self._masks, dtype=self._masks.dtype)
        np.multiply(self._masks < self._keep, 1 / self._keep, out=self._masks)
        self._next = 0
