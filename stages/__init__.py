"""The pipeline: one module, one DVC stage, run as ``python -m stages.NAME``.

This package is imported before NumPy, and so is the place for what makes NumPy compute the same
bytes on every machine. OpenBLAS chooses its kernels by processor and splits its sums by thread
count, and either changes the last digits of a matrix product. So every stage runs on one thread,
whatever the environment says, and on the AVX2 kernels. A processor without AVX2 can be given
others (``OPENBLAS_CORETYPE=Nehalem``), and then ends in other digits.
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ.setdefault("OPENBLAS_CORETYPE", "Haswell")
