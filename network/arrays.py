"""Array types of the package's signatures, and arrays that are reused from batch to batch."""

from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]
FloatType = type[np.float32] | type[np.float64]

Number = TypeVar("Number", bound=np.generic)


class Vectors(Protocol):
    """A network's parameters and their gradient, or a slice of both: weights come before biases.

    Attributes
    ----------
    parameters, gradient : (n,)
    weights, weights_gradient : the part of each that holds weights
    """

    parameters: Floats
    gradient: Floats
    weights: Floats
    weights_gradient: Floats


def with_rows(array: NDArray[Number], rows: int) -> NDArray[Number]:
    """Return an array with another number of rows, in the same memory if that has enough.

    Parameters
    ----------
    array : (n, …), an array that this function returned, or a new one

    Returns
    -------
    (rows, …), its content undefined
    """
    whole = array if array.base is None else array.base
    if rows <= len(whole):
        return whole[:rows]
    return np.empty((rows, *array.shape[1:]), array.dtype)
