"""The network: its parameters, forward pass and backward pass."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from network.arrays import Floats, FloatType
from network.layers import Dense, Dropout, Layer, ReLU


class Network:
    """A dense layer, then ReLU, dropout and another dense layer for each hidden layer.

    Parameters
    ----------
    sizes : number of units of each layer from input to classes, such as [784, 64, 32, 10]
    dropout : a layer, or None, for each hidden layer; by default there is no dropout
    dtype : float32, or float64 to check gradients

    Attributes
    ----------
    sizes : as given
    parameters, gradient : (n,), all weights and then all biases; the layers use views of them
    weights, weights_gradient : (m,), the first elements of each, those of the weights
    """

    def __init__(
        self,
        sizes: Sequence[int],
        dropout: Sequence[Dropout | None] | None = None,
        dtype: FloatType = np.float32,
    ) -> None:
        self.sizes = tuple(sizes)
        shapes = list(pairwise(sizes))
        weight_count = sum(fan_in * fan_out for fan_in, fan_out in shapes)
        self.parameters: Floats = np.zeros(weight_count + sum(sizes[1:]), dtype)
        self.gradient: Floats = np.zeros_like(self.parameters)
        self.weights = self.parameters[:weight_count]
        self.weights_gradient = self.gradient[:weight_count]

        self._dense = [
            Dense(*arrays, *gradients)
            for arrays, gradients in zip(
                _views(self.parameters, shapes), _views(self.gradient, shapes), strict=True
            )
        ]
        self._layers: list[Layer] = [self._dense[0]]
        for layer, drop in zip(self._dense[1:], dropout or [None] * len(shapes[1:]), strict=True):
            relu = ReLU(len(layer.weights), dtype)
            self._layers += [relu, drop, layer] if drop else [relu, layer]
        self._last_to_second = self._layers[:0:-1]

    def initialize(self, generator: np.random.Generator) -> None:
        """W ~ N(0, 2 / fan_in), b = 0.

        The numbers are drawn as float64 and rounded: a float32 network starts with the rounded
        weights of a float64 one.
        Source: He et al., "Delving Deep into Rectifiers", ICCV 2015, equation 10.

        Parameters
        ----------
        generator : used for the weights alone
        """
        for layer in self._dense:
            deviation = np.sqrt(2 / len(layer.weights))
            layer.weights[:] = generator.normal(0, deviation, layer.weights.shape)
            layer.bias[:] = 0

    def forward(self, x: NDArray[Any]) -> Floats:
        """Return the logits (rows, classes) of x (rows, inputs) in training, dropout on.

        The next call overwrites the array; ``logits`` does not.

        Raises
        ------
        ValueError
            if x is not of real numbers, or not of this shape
        """
        x = self._converted(x)
        for layer in self._layers:
            x = layer.forward(x)
        return x

    def backward(self, gradient: Floats) -> None:
        """Fill ``self.gradient`` from dL/dlogits (rows, classes): the chain rule, layer by layer.

        The gradient with respect to the data is not needed, so the first layer has no dL/dx.
        """
        for layer in self._last_to_second:
            gradient = layer.backward(gradient)
        self._dense[0].differentiate(gradient)

    def logits(self, x: NDArray[Any]) -> Floats:
        """Return the logits (rows, classes) of x (rows, inputs) in evaluation, dropout off.

        The array is a new one, and the state that ``backward`` uses is unchanged.

        Raises
        ------
        ValueError
            if x is not of real numbers, or not of this shape
        """
        x = self._converted(x)
        for layer in self._layers:
            x = layer.infer(x)
        return x

    def state_dict(self) -> dict[str, Floats]:
        """Return views of the parameters: W1 (in, out), b1 (out,), W2, b2 and so on."""
        return {
            name: array
            for number, layer in enumerate(self._dense, start=1)
            for name, array in ((f"W{number}", layer.weights), (f"b{number}", layer.bias))
        }

    @classmethod
    def from_state_dict(cls, arrays: Mapping[str, NDArray[Any]]) -> "Network":
        """Build a network with these parameters, named and shaped as in ``state_dict``.

        Raises
        ------
        ValueError
            if a name is missing or unknown, if the shapes do not fit together, or if a value is not
            a finite float32 number
        """
        weights = [
            arrays[f"W{number}"]
            for number in range(1, 1 + len(arrays) // 2)
            if f"W{number}" in arrays
        ]
        shapes = [array.shape for array in weights]
        if not shapes or any(len(shape) != 2 or 0 in shape for shape in shapes):
            raise ValueError("must hold W1, b1, W2, b2 and so on, each W a matrix")
        network = cls([shapes[0][0], *(fan_out for _, fan_out in shapes)])
        own = network.state_dict()
        if sorted(arrays) != sorted(own):
            raise ValueError(f"must hold {', '.join(own)}, holds {', '.join(arrays)}")
        for name, view in own.items():
            if arrays[name].shape != view.shape:
                raise ValueError(f"{name} must have shape {view.shape}, has {arrays[name].shape}")
            if arrays[name].dtype != np.float32 or not np.isfinite(arrays[name]).all():
                raise ValueError(f"{name} must hold finite float32 numbers")
            view[:] = arrays[name]
        return network

    def _converted(self, x: NDArray[Any]) -> Floats:
        """Check x, and return it in the parameters' dtype."""
        x = np.asarray(x)
        if x.ndim != 2 or x.shape[1] != self.sizes[0] or x.dtype.kind not in "fiub":
            raise ValueError(
                f"x must be real numbers of shape (rows, {self.sizes[0]}),"
                f" is {x.dtype} of shape {x.shape}"
            )
        return np.asarray(x, self.parameters.dtype)


def _views(vector: Floats, shapes: list[tuple[int, int]]) -> list[tuple[Floats, Floats]]:
    """Return views (weights, bias) of each layer in a flat vector: all weights, then all biases."""
    lengths = [fan_in * fan_out for fan_in, fan_out in shapes] + [out for _, out in shapes]
    pieces = np.split(vector, np.cumsum(lengths)[:-1])
    weights, biases = pieces[: len(shapes)], pieces[len(shapes) :]
    return [(w.reshape(shape), b) for w, shape, b in zip(weights, shapes, biases, strict=True)]
