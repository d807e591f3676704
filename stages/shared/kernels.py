"""Select the kernels of OpenBLAS that ``train.kernels`` names. Import this module before NumPy.

OpenBLAS reads ``OPENBLAS_CORETYPE`` once, when NumPy loads it, and without it chooses the fastest
kernels of the processor.
"""

import os

from stages.shared.errors import StageError
from stages.shared.settings import Train, load

try:
    if load(Train).kernels == "native":
        del os.environ["OPENBLAS_CORETYPE"]
except StageError:
    pass  # the stage reports it, when it reads its settings
