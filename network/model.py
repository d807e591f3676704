"""The network: its parameters, and the way through its layers and back."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from network.arrays import Floats, FloatType
from network.layers import Dense, Dropout, Layer, ReLU


class Network:
    """Dense, then ReLU, dropout and Dense again for each hidden layer.

    Parameters
    ----------
    sizes : the units of each layer from the input to the classes, such as [784, 64, 32, 10]
    dropout : one for each hidden layer, None where it has none; left out, none has
    dtype : float32, or float64 to check gradients

    Attributes
    ----------
    sizes : as given
    parameters, gradient : (n,), every weight and then every bias; the layers work on views
    weights, weights_gradient : the part of each that holds the weights
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
        self._rows = 0
        self._training: list[Layer] = [self._dense[0]]
        self._inference: list[Layer] = [self._dense[0]]
        for layer, drop in zip(self._dense[1:], dropout or [None] * len(shapes[1:]), strict=True):
            relu = ReLU(len(layer.weights), dtype)
            self._training += [relu, drop, layer] if drop else [relu, layer]
            self._inference += [relu, layer]
        self._back_from_the_end = self._training[:0:-1]

    def initialize(self, generator: np.random.Generator) -> None:
        """W ~ N(0, 2 / fan_in), b = 0.

        Drawn as float64 and rounded, so that a float32 network starts at the rounded weights of
        a float64 one. Source: He et al., "Delving Deep into Rectifiers", ICCV 2015, equation 10.
        """
        for layer in self._dense:
            deviation = np.sqrt(2 / len(layer.weights))
            layer.weights[:] = generator.normal(0, deviation, layer.weights.shape)
            layer.bias[:] = 0

    def forward(self, x: Floats) -> Floats:
        """Return the logits (rows, classes) of x (rows, inputs) in training, dropout on."""
        return self._through(self._training, x)

    def logits(self, x: Floats) -> Floats:
        """Return the logits (rows, classes) of x (rows, inputs) in evaluation, dropout off."""
        return self._through(self._inference, x)

    def _through(self, layers: list[Layer], x: Floats) -> Floats:
        if len(x) != self._rows:
            self._rows = len(x)
            for layer in self._training:
                layer.allocate(self._rows)
        for layer in layers:
            x = layer.forward(x)
        return x

    def backward(self, gradient: Floats) -> None:
        """Fill ``self.gradient`` from dL/dlogits (rows, classes): the chain rule, layer by layer.

        The data has no use for a gradient, so the first layer is not asked for dL/dx.
        """
        for layer in self._back_from_the_end:
            gradient = layer.backward(gradient)
        self._dense[0].differentiate(gradient)

    def arrays(self) -> dict[str, Floats]:
        """Return views of the parameters: W1 (in, out), b1 (out,), W2, b2 and so on."""
        return {
            name: array
            for number, layer in enumerate(self._dense, start=1)
            for name, array in ((f"W{number}", layer.weights), (f"b{number}", layer.bias))
        }

    def assign(self, arrays: Mapping[str, Floats]) -> None:
        """Copy in parameters named and shaped as in ``arrays()``.

        Raises
        ------
        ValueError
            if a name is missing or too many, a shape is another, or a value is not a finite number
        """
        own = self.arrays()
        if sorted(arrays) != sorted(own):
            raise ValueError(f"must hold {', '.join(own)}, holds {', '.join(arrays) or 'nothing'}")
        for name, view in own.items():
            if arrays[name].shape != view.shape:
                raise ValueError(f"{name} must have shape {view.shape}, has {arrays[name].shape}")
            if arrays[name].dtype.kind != "f" or not np.isfinite(arrays[name]).all():
                raise ValueError(f"{name} must hold finite numbers only")
            view[:] = arrays[name]


def _views(vector: Floats, shapes: list[tuple[int, int]]) -> list[tuple[Floats, Floats]]:
    """Cut a flat vector into (weights, bias) of each layer: all weights first, then all biases."""
    lengths = [fan_in * fan_out for fan_in, fan_out in shapes] + [out for _, out in shapes]
    pieces = np.split(vector, np.cumsum(lengths)[:-1])
    weights, biases = pieces[: len(shapes)], pieces[len(shapes) :]
    return [(w.reshape(shape), b) for w, shape, b in zip(weights, shapes, biases, strict=True)]
