"""Select the kernels of OpenBLAS that ``train.kernels`` names. Import this module before NumPy.

OpenBLAS reads ``OPENBLAS_CORETYPE`` once, when NumPy loads it, and without it chooses the fastest
kernels of the processor.
"""

import os

from stages.shared.errors import errors_as_lines
from stages.shared.settings import Train, load

with errors_as_lines():
    if load(Train).kernels == "native":
        del os.environ["OPENBLAS_CORETYPE"]
