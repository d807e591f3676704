"""The network: its parameters, forward pass and backward pass."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from network.arrays import Floats, FloatType
from network.layers import Dense, Dropout, Layer, ReLU


class Network:
    """A dense layer, then an activation, dropout and another dense layer for each hidden layer.

    All parameters are in one vector, and so is the gradient: an optimizer needs a few operations
    for the whole network. The layers use views of both.

    Parameters
    ----------
    sizes : number of units of each layer from input to classes, such as [784, 64, 32, 10]
    dropout : a layer, or None, for each hidden layer; by default there is no dropout
    activation : the layer after each hidden dense layer
    dtype : float32, or float64 to check gradients

    Attributes
    ----------
    sizes : as given
    parameters, gradient : (n,), all weights and then all biases
    weights, weights_gradient : (m,), the first elements of each, those of the weights

    Raises
    ------
    ValueError
        if the dtype is another, or if the x of a method is not (rows, inputs) of real numbers
    """

    def __init__(
        self,
        sizes: Sequence[int],
        dropout: Sequence[Dropout | None] | None = None,
        activation: Callable[[], Layer] = ReLU,
        dtype: FloatType = np.float32,
    ) -> None:
        if dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype: must be float32 or float64, got {np.dtype(dtype)}")
        self.sizes = tuple(sizes)
        self._activation = activation
        shapes = list(pairwise(sizes))
        weight_count = sum(fan_in * fan_out for fan_in, fan_out in shapes)
        self.parameters: Floats = np.zeros(weight_count + sum(sizes[1:]), dtype)
        self.gradient: Floats = np.zeros_like(self.parameters)
        self.weights = self.parameters[:weight_count]
        self.weights_gradient = self.gradient[:weight_count]

        parameters, gradients = _views(self.parameters, shapes), _views(self.gradient, shapes)
        self._dense = [Dense(*p, *g) for p, g in zip(parameters, gradients, strict=True)]
        self._layers: list[Layer] = [self._dense[0]]
        for drop, dense in zip(dropout or [None] * len(shapes[1:]), self._dense[1:], strict=True):
            self._layers += [activation(), *([drop] if drop else []), dense]

    def initialize(self, generator: np.random.Generator) -> None:
        """W ~ N(0, 2 / fan_in), b = 0.

        The numbers are drawn as float64 and rounded to the dtype of the network.
        Source: He et al., "Delving Deep into Rectifiers", ICCV 2015, equation 10.

        Parameters
        ----------
        generator : used for the weights alone
        """
        for layer in self._dense:
            fan_in = len(layer.W)
            layer.W[:] = generator.normal(0, np.sqrt(2 / fan_in), layer.W.shape)
            layer.b[:] = 0

    def forward(self, x: NDArray[Any]) -> Floats:
        """Return the logits (rows, classes) of x (rows, inputs) in training, dropout on."""
        x = self._converted(x)
        for layer in self._layers:
            x = layer.forward(x)
        return x

    def backward(self, g: Floats) -> None:
        """Fill ``gradient`` from g = dL/dlogits (rows, classes): the chain rule, layer by layer.

        The gradient with respect to the data is not needed, so the first layer has no dL/dx.
        """
        for layer in self._layers[:0:-1]:
            g = layer.backward(g)
        self._dense[0].differentiate(g)

    def logits(self, x: NDArray[Any]) -> Floats:
        """Return the logits (rows, classes) of x (rows, inputs) in evaluation, dropout off.

        It leaves the state that ``backward`` uses unchanged.
        """
        x, layers = self._converted(x), self._evaluation_layers()
        while layers:
            x = layers.pop(0).forward(x)  # frees the layer, and the arrays that it kept
        return x

    def outputs(self, x: NDArray[Any]) -> list[Floats]:
        """Return the output (rows, units) of each layer in evaluation; the last are the logits."""
        x = self._converted(x)
        return [x := layer.forward(x) for layer in self._evaluation_layers()]

    def _evaluation_layers(self) -> list[Layer]:
        """Return new layers, without dropout, that use the same parameters."""
        layers: list[Layer] = []
        for dense in self._dense:
            layers += [Dense(dense.W, dense.b, dense.dW, dense.db), self._activation()]
        return layers[:-1]

    def predict(self, x: NDArray[Any]) -> NDArray[np.intp]:
        """Return the most probable label (rows,) of each row of x (rows, inputs), all finite."""
        if not np.isfinite(self._converted(x)).all():
            raise ValueError("x: must be finite, contains NaN or infinity; replace those values")
        labels: NDArray[np.intp] = self.logits(x).argmax(axis=1)
        return labels

    def state_dict(self) -> dict[str, Floats]:
        """Return views of the parameters: W1 (in, out), b1 (out,), W2, b2 and so on."""
        return _named((layer.W, layer.b) for layer in self._dense)

    def gradients(self) -> dict[str, Floats]:
        """Return views of the gradient of the last ``backward``, named as in ``state_dict``."""
        return _named((layer.dW, layer.db) for layer in self._dense)

    @classmethod
    def from_state_dict(cls, arrays: Mapping[str, NDArray[Any]]) -> "Network":
        """Build a network with these parameters, named and shaped as in ``state_dict``.

        Raises
        ------
        ValueError
            if a name is missing or unknown, if the shapes do not fit together, or if a value is not
            a finite float32 number
        """
        found = {name: array.shape for name, array in arrays.items()}
        biases = [found.get(f"b{number}", ()) for number in range(1, 1 + len(found) // 2)]
        sizes = [size for shape in (found.get("W1", ())[:1], *biases) for size in shape]
        expected: dict[str, tuple[int, ...]] = {}
        for number, shape in enumerate(pairwise(sizes), start=1):
            expected |= {f"W{number}": shape, f"b{number}": shape[1:]}
        if not found or 0 in sizes or found != expected:
            names = ", ".join(f"{name} {shape}" for name, shape in found.items()) or "nothing"
            raise ValueError(
                f"must contain W1 (in, out), b1 (out,), W2, b2 and so on that fit, contains {names}"
            )
        network = cls(sizes)
        for name, view in network.state_dict().items():
            array = arrays[name]
            if array.dtype != np.float32 or not np.isfinite(array).all():
                raise ValueError(f"{name} must contain finite float32 numbers")
            view[:] = array
        return network

    def copy(self) -> "Network":
        """Return a network with the same parameters, in arrays of its own, without dropout."""
        other = Network(self.sizes, None, self._activation, self.parameters.dtype.type)
        other.parameters[:] = self.parameters
        return other

    def __repr__(self) -> str:
        sizes = " → ".join(map(str, self.sizes))
        return f"Network({sizes}, {len(self.parameters):,} parameters)"

    def _converted(self, x: NDArray[Any]) -> Floats:
        """Check x, and return it in the parameters' dtype."""
        x = np.asarray(x)
        if x.ndim != 2 or x.shape[1] != self.sizes[0] or x.dtype.kind not in "fiub":
            raise ValueError(
                f"x: must be real numbers of shape (rows, {self.sizes[0]}),"
                f" is {x.dtype} of shape {x.shape}"
            )
        return np.asarray(x, self.parameters.dtype)


def _views(vector: Floats, shapes: list[tuple[int, int]]) -> list[tuple[Floats, Floats]]:
    """Return views (W, b) of each layer in a flat vector: all weights, then all biases."""
    lengths = [fan_in * fan_out for fan_in, fan_out in shapes] + [out for _, out in shapes]
    pieces = np.split(vector, np.cumsum(lengths)[:-1])
    weights, biases = pieces[: len(shapes)], pieces[len(shapes) :]
    return [(w.reshape(shape), b) for w, shape, b in zip(weights, shapes, biases, strict=True)]


def _named(layers: Iterable[tuple[Floats, Floats]]) -> dict[str, Floats]:
    return {
        f"{letter}{number}": array
        for number, pair in enumerate(layers, start=1)
        for letter, array in zip("Wb", pair, strict=True)
    }
