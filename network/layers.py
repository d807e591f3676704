"""Layers: ``forward`` maps a batch onwards, ``backward`` maps the gradient of the loss back.

A batch is (rows, features). Each layer keeps what its ``backward`` needs and owns the arrays it
returns, which hold until its next call. ``allocate`` makes them, once for each row count that
comes along, so that a training step allocates nothing.
"""

from typing import Protocol

import numpy as np

from network.arrays import Floats, FloatType


class Layer(Protocol):
    """What a network is a sequence of."""

    def allocate(self, rows: int) -> None:
        """Make the arrays for batches of that many rows; called before the first of them."""

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

    def allocate(self, rows: int) -> None:
        """Make room for y and dL/dx, and the ones that a sum over rows is a product with."""
        fan_in, fan_out = self.weights.shape
        self._y = np.empty((rows, fan_out), self.weights.dtype)
        self._x_gradient = np.empty((rows, fan_in), self.weights.dtype)
        self._ones = np.ones(rows, self.weights.dtype)

    def forward(self, x: Floats) -> Floats:
        """y = x W + b."""
        self._x = x
        np.dot(x, self.weights, out=self._y)
        return np.add(self._y, self.bias, out=self._y)

    def backward(self, gradient: Floats) -> Floats:
        """dL/dx = dL/dy Wᵀ, after the gradients of W and b."""
        self.differentiate(gradient)
        return np.dot(gradient, self.weights.T, out=self._x_gradient)

    def differentiate(self, gradient: Floats) -> None:
        """dL/dW = xᵀ dL/dy and dL/db = Σ_rows dL/dy = 1ᵀ dL/dy, all that a first layer needs."""
        np.dot(self._x.T, gradient, out=self.weights_gradient)
        np.dot(self._ones, gradient, out=self.bias_gradient)


class ReLU:
    """y = max(x, 0), for some number of units."""

    def __init__(self, units: int, dtype: FloatType) -> None:
        self._units = units
        self._zero = np.zeros((), dtype)  # an array, because a Python 0 is converted at every call

    def allocate(self, rows: int) -> None:
        """Make room for y and dL/dx."""
        self._y = np.empty((rows, self._units), self._zero.dtype)
        self._x_gradient = np.empty_like(self._y)

    def forward(self, x: Floats) -> Floats:
        """y = max(x, 0)."""
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
    units : the features of a batch
    rate : in [0, 1), the share of units that are dropped
    generator : the masks' own; those of many batches are drawn in one call
    """

    ROWS_DRAWN = 256

    def __init__(
        self, units: int, rate: float, generator: np.random.Generator, dtype: FloatType = np.float32
    ) -> None:
        self._keep = 1 - rate
        self._generator = generator
        self._masks: Floats = np.empty((0, units), dtype)
        self._next = 0

    def allocate(self, rows: int) -> None:
        """Make room for y and dL/dx; masks that are drawn already stay good."""
        units, dtype = self._masks.shape[1], self._masks.dtype
        self._y = np.empty((rows, units), dtype)
        self._x_gradient = np.empty_like(self._y)
        if len(self._masks) < rows:
            self._masks = np.empty((max(rows, self.ROWS_DRAWN), units), dtype)
            self._kept = np.empty(self._masks.shape, np.bool_)
            self._next = len(self._masks)

    def forward(self, x: Floats) -> Floats:
        """y = m x / (1 - rate), with a fresh m for every element."""
        if self._next + len(x) > len(self._masks):
            self._draw()
        self._mask = self._masks[self._next : self._next + len(x)]
        self._next += len(x)
        return np.multiply(x, self._mask, out=self._y)

    def backward(self, gradient: Floats) -> Floats:
        """dL/dx = m / (1 - rate) dL/dy."""
        return np.multiply(gradient, self._mask, out=self._x_gradient)

    def _draw(self) -> None:
        """Draw m / (1 - rate) for the batch at hand and those after it."""
        self._generator.random(out=self._masks, dtype=self._masks.dtype)
        np.less(self._masks, self._keep, out=self._kept)
        np.multiply(self._kept, self._masks.dtype.type(1 / self._keep), out=self._masks)
        self._next = 0
