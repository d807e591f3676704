"""Layers: ``forward`` computes a batch's activations, ``backward`` the gradient of the loss.

A batch is (rows, features). Each layer keeps the arrays that ``backward`` needs, and owns those
that ``forward`` and ``backward`` return, which are valid until its next call. It sizes them by the
batch, and allocates only for a batch larger than any before. ``infer`` is for evaluation: it does
not change the layer's state, and no later call overwrites the array that it returns.

At this size, function calls and memory traffic take more time than arithmetic. The third argument
of a NumPy function is its output array: passing it by position is faster than by name.
"""

import math
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from network.arrays import Floats, FloatType, with_rows


class Layer(Protocol):
    """A layer of a network."""

    def forward(self, x: Floats) -> Floats:
        """Return y (rows, out) for x (rows, in) in training."""

    def backward(self, gradient: Floats) -> Floats:
        """Return dL/dx (rows, in) for dL/dy (rows, out), at the x of the last ``forward``."""

    def infer(self, x: Floats) -> Floats:
        """Return y (rows, out) for x (rows, in) in evaluation."""


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
        fan_in, fan_out = weights.shape
        self._y = np.empty((0, fan_out), weights.dtype)
        self._x_gradient = np.empty((0, fan_in), weights.dtype)

    def forward(self, x: Floats) -> Floats:
        """y = x W + b."""
        if len(x) != len(self._y):
            self._y = with_rows(self._y, len(x))
            self._x_gradient = with_rows(self._x_gradient, len(x))
            self._ones = np.ones(len(x), self.weights.dtype)
        self._x = x
        np.dot(x, self.weights, self._y)
        return np.add(self._y, self.bias, self._y)

    def backward(self, gradient: Floats) -> Floats:
        """dL/dx = dL/dy Wᵀ, after the gradients of W and b."""
        self.differentiate(gradient)
        return np.dot(gradient, self.weights.T, self._x_gradient)

    def differentiate(self, gradient: Floats) -> None:
        """dL/dW = xᵀ dL/dy and dL/db = Σ_rows dL/dy = 1ᵀ dL/dy; a first layer needs no dL/dx."""
        np.dot(self._x.T, gradient, self.weights_gradient)
        np.dot(self._ones, gradient, self.bias_gradient)

    def infer(self, x: Floats) -> Floats:
        """y = x W + b."""
        y: Floats = np.dot(x, self.weights)
        return np.add(y, self.bias, y)


class ReLU:
    """y = max(x, 0).

    Parameters
    ----------
    units : number of features
    """

    def __init__(self, units: int, dtype: FloatType) -> None:
        self._zero = np.zeros((), dtype)  # an array, as a Python 0 would be converted at every call
        self._y: Floats = np.empty((0, units), dtype)
        self._x_gradient: Floats = np.empty((0, units), dtype)

    def forward(self, x: Floats) -> Floats:
        """y = max(x, 0)."""
        if len(x) != len(self._y):
            self._y = with_rows(self._y, len(x))
            self._x_gradient = with_rows(self._x_gradient, len(x))
        return np.maximum(x, self._zero, out=self._y)

    def backward(self, gradient: Floats) -> Floats:
        """dL/dx = [x > 0] dL/dy, where [x > 0] = sign(y) because y is never negative."""
        slope = np.sign(self._y, self._x_gradient)
        return np.multiply(gradient, slope, self._x_gradient)

    def infer(self, x: Floats) -> Floats:
        """y = max(x, 0)."""
        return np.maximum(x, self._zero)


class Dropout:
    """y = m x / (1 - rate), each m ~ Bernoulli(1 - rate): inverted dropout.

    The division keeps E[y] = x, so that the layer is the identity in evaluation.
    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
    Overfitting", JMLR 15 (2014), section 10.

    Parameters
    ----------
    units : number of features
    rate : in [0, 1), the share of units that are dropped, rounded to a multiple of 2⁻¹⁶
    generator : used for the masks alone; one call draws those of many batches
    """

    ROWS_DRAWN = 256

    def __init__(
        self, units: int, rate: float, generator: np.random.Generator, dtype: FloatType = np.float32
    ) -> None:
        # sixteen random bits per unit, which is kept if they are below this
        self._keep = max(1, round((1 - rate) * 2**16))
        self._scale = dtype(2**16 / self._keep)
        self._random = generator.bit_generator
        self._y: Floats = np.empty((0, units), dtype)
        self._x_gradient: Floats = np.empty((0, units), dtype)
        self._kept = np.empty((0, units), np.bool_)
        self._masks: Floats = np.empty((0, units), dtype)

    def forward(self, x: Floats) -> Floats:
        """y = m x / (1 - rate), with a new m for every element."""
        if len(x) != len(self._y):
            self._y = with_rows(self._y, len(x))
            self._x_gradient = with_rows(self._x_gradient, len(x))
            self._unused: Iterator[Floats] = iter(())
        try:
            self._mask = next(self._unused)
        except StopIteration:
            self._unused = iter(self._draw(len(x)))
            self._mask = next(self._unused)
        return np.multiply(x, self._mask, self._y)

    def backward(self, gradient: Floats) -> Floats:
        """dL/dx = m / (1 - rate) dL/dy."""
        return np.multiply(gradient, self._mask, self._x_gradient)

    def infer(self, x: Floats) -> Floats:
        """y = x."""
        return x

    def _draw(self, rows: int) -> Floats:
        """Draw m / (1 - rate) for some batches: (batches, rows, units)."""
        batches = max(1, self.ROWS_DRAWN // rows)
        self._kept = with_rows(self._kept, batches * rows)
        self._masks = with_rows(self._masks, batches * rows)
        words = self._random.random_raw(math.ceil(self._masks.size / 4))
        # in little-endian order, so that every machine draws the same masks
        bits = words.astype("<u8", copy=False).view("<u2")[: self._masks.size]
        np.less(bits.reshape(self._masks.shape), self._keep, self._kept)
        np.multiply(self._kept, self._scale, self._masks)
        return self._masks.reshape(batches, rows, -1)
