"""The pipeline: each module is a DVC stage, run as ``python -m stages.NAME``.

This package is imported before NumPy, and sets the environment in which NumPy computes the same
bytes on every machine. OpenBLAS chooses its kernels by processor and splits its sums by thread
count, and either changes the last digits of a matrix product. So the products use the AVX2 kernels
and one thread, whatever the environment sets; ``train.threads`` and ``train.kernels`` set others
for training. For a processor without AVX2, set ``OPENBLAS_CORETYPE``, for example to Nehalem; the
last digits then differ.
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ.setdefault("OPENBLAS_CORETYPE", "Haswell")
