"""Array types of the package's signatures, and the reuse of memory from batch to batch."""

from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]
FloatType = type[np.float32] | type[np.float64]

Number = TypeVar("Number", bound=np.generic)


class Vectors(Protocol):
    """A network's parameters and their gradient, or a slice of both. Weights come before biases.

    Attributes
    ----------
    parameters, gradient : (n,)
    weights, weights_gradient : (m,), the first elements of each, those of weights
    """

    parameters: Floats
    gradient: Floats
    weights: Floats
    weights_gradient: Floats


def with_rows(array: NDArray[Number], rows: int) -> NDArray[Number]:
    """Return an array with another number of rows, in the same memory if it is large enough.

    Parameters
    ----------
    array : (n, …), an array that this function returned, or a new one
    rows : number of rows

    Returns
    -------
    (rows, …), of the same dtype; its content is undefined
    """
    whole = array if array.base is None else array.base
    if rows <= len(whole):
        return whole[:rows]
    return np.empty((rows, *array.shape[1:]), array.dtype)
