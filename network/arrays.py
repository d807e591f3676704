"""Array types of the package's signatures."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]
FloatType = type[np.float32] | type[np.float64]
