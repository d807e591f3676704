"""This project with the fastest kernels of the processor, as with ``train.kernels: native``."""

import os

import stages  # noqa: F401  # isort: skip  (chooses the portable kernels)

del os.environ["OPENBLAS_CORETYPE"]

from benchmarks.peers import ours

ours.main()
