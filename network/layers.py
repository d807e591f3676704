"""Layers: ``forward`` maps a batch onwards, ``backward`` maps the gradient of the loss back.

A batch is (rows, features). Each layer keeps what its ``backward`` needs and owns the arrays it
returns, which hold until its next call. ``allocate`` makes them, once for each row count that
comes along, so that a training step allocates nothing. A third argument to a NumPy function is the
array that it writes: so given, it costs a step less than by its name.
"""

import math
from collections.abc import Iterator
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
        np.dot(x, self.weights, self._y)
        return np.add(self._y, self.bias, self._y)

    def backward(self, gradient: Floats) -> Floats:
        """dL/dx = dL/dy Wᵀ, after the gradients of W and b."""
        self.differentiate(gradient)
        return np.dot(gradient, self.weights.T, self._x_gradient)

    def differentiate(self, gradient: Floats) -> None:
        """dL/dW = xᵀ dL/dy and dL/db = Σ_rows dL/dy = 1ᵀ dL/dy, all that a first layer needs."""
        np.dot(self._x.T, gradient, self.weights_gradient)
        np.dot(self._ones, gradient, self.bias_gradient)


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
        slope = np.sign(self._y, self._x_gradient)
        return np.multiply(gradient, slope, self._x_gradient)


class Dropout:
    """y = m x / (1 - rate), each m ~ Bernoulli(1 - rate): inverted dropout.

    The division keeps E[y] = x, so that a network leaves the layer out when it evaluates.
    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
    Overfitting", JMLR 15 (2014), section 10.

    Parameters
    ----------
    units : the features of a batch
    rate : in [0, 1), the share of units that are dropped, rounded to a multiple of 2⁻¹⁶
    generator : the masks' own; those of many batches are drawn in one call
    """

    ROWS_DRAWN = 256

    def __init__(
        self, units: int, rate: float, generator: np.random.Generator, dtype: FloatType = np.float32
    ) -> None:
        # sixteen random bits a unit, which is kept if they are below this
        self._keep = max(1, round((1 - rate) * 2**16))
        self._scale = dtype(2**16 / self._keep)
        self._random = generator.bit_generator
        self._units = units

    def allocate(self, rows: int) -> None:
        """Make room for y, dL/dx and the masks of some batches."""
        self._y = np.empty((rows, self._units), self._scale.dtype)
        self._x_gradient = np.empty_like(self._y)
        shape = (max(1, self.ROWS_DRAWN // rows), rows, self._units)
        self._kept = np.empty(shape, np.bool_)
        self._masks = np.empty(shape, self._scale.dtype)
        self._unused: Iterator[Floats] = iter(())

    def forward(self, x: Floats) -> Floats:
        """y = m x / (1 - rate), with a fresh m for every element."""
        try:
            self._mask = next(self._unused)
        except StopIteration:
            self._unused = iter(self._draw())
            self._mask = next(self._unused)
        return np.multiply(x, self._mask, self._y)

    def backward(self, gradient: Floats) -> Floats:
        """dL/dx = m / (1 - rate) dL/dy."""
        return np.multiply(gradient, self._mask, self._x_gradient)

    def _draw(self) -> Floats:
        """Draw m / (1 - rate) for some batches: (batches, rows, units)."""
        words = self._random.random_raw(math.ceil(self._masks.size / 4))
        bits = words.astype("<u8", copy=False).view("<u2")[: self._masks.size]
        np.less(bits.reshape(self._masks.shape), self._keep, self._kept)
        return np.multiply(self._kept, self._scale, self._masks)
