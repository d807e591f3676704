"""Layers: ``forward`` computes y from x, ``backward`` computes dL/dx from g = dL/dy.

A batch is an array (rows, features). ``forward`` keeps the arrays that ``backward`` needs.
"""

import math
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from network.arrays import Floats


class Layer(Protocol):
    """A layer of a network."""

    def forward(self, x: Floats) -> Floats:
        """Return y (rows, out) for x (rows, in)."""

    def backward(self, g: Floats) -> Floats:
        """Return dL/dx (rows, in) for g = dL/dy (rows, out), at the x of the last ``forward``."""


class Dense:
    """y = x W + b.

    Parameters
    ----------
    W, b : (in, out) and (out,), which an optimizer changes in place
    dW, db : dL/dW and dL/db, of the same shapes; ``backward`` overwrites them
    """

    def __init__(self, W: Floats, b: Floats, dW: Floats, db: Floats) -> None:  # noqa: N803
        self.W, self.b, self.dW, self.db = W, b, dW, db

    def forward(self, x: Floats) -> Floats:
        """y = x W + b."""
        self.x = x
        y: Floats = x @ self.W
        y += self.b
        return y

    def backward(self, g: Floats) -> Floats:
        """dL/dx = g Wᵀ, and the gradients of W and b."""
        self.differentiate(g)
        return g @ self.W.T

    def differentiate(self, g: Floats) -> None:
        """dL/dW = xᵀ g and dL/db = Σ_rows g. A network's first layer needs no dL/dx."""
        np.matmul(self.x.T, g, out=self.dW)
        np.add.reduce(g, out=self.db)


class ReLU:
    """y = max(x, 0)."""

    def forward(self, x: Floats) -> Floats:
        """y = max(x, 0)."""
        self.y: Floats = np.maximum(x, 0)
        return self.y

    def backward(self, g: Floats) -> Floats:
        """dL/dx = [x > 0] g = sign(y) g, as y is never negative."""
        return np.sign(self.y) * g


class Dropout:
    """y = m x / (1 - rate), each m ~ Bernoulli(1 - rate): inverted dropout.

    The division keeps E[y] = x, so that evaluation leaves the layer out.
    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
    Overfitting", JMLR 15 (2014), section 10.

    Parameters
    ----------
    rate : share of units that are dropped, in [0, 1), rounded to a multiple of 2⁻¹⁶
    generator : used for the masks alone
    """

    DRAWN = 2**14  # elements of the masks drawn at a time: one call for many batches is faster

    def __init__(self, rate: float, generator: np.random.Generator) -> None:
        self._keep = max(1, round((1 - rate) * 2**16))  # so many of 2¹⁶ numbers keep a unit
        self._bits = generator.bit_generator
        self._shape: tuple[int, ...] = ()

    def forward(self, x: Floats) -> Floats:
        """y = m x / (1 - rate), with a new m for every element."""
        if x.shape != self._shape:
            self._shape, self._masks = x.shape, self._draw(x.shape, x.dtype)
        self._mask = next(self._masks)
        return self._mask * x

    def backward(self, g: Floats) -> Floats:
        """dL/dx = m / (1 - rate) g."""
        return self._mask * g

    def _draw(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Iterator[Floats]:
        """Yield m / (1 - rate) of each batch: m is 1 if 16 random bits are a number below keep."""
        size = math.prod(shape)
        batches = max(1, self.DRAWN // max(1, size))
        numbers = batches * size
        while True:
            bits = self._bits.random_raw(math.ceil(numbers / 4)).astype("<u8", copy=False)
            m = bits.view("<u2")[:numbers].reshape(batches, *shape) < self._keep
            yield from m * dtype.type(2**16 / self._keep)
