"""A fully connected classifier in NumPy. Rows of arrays are samples.

Read the modules in this order:

1. ``layers``, ``loss``: each forward pass and its gradient
2. ``model``: the network, a chain of layers
3. ``optimizer``, ``batches``, ``epochs``: the update, the mini-batches, and the training loop
4. ``trainer``: builds all of these from plain values, and scores each epoch

Beside them stand ``schedule`` (learning rates), ``deformation`` (of images), ``metrics``,
``samples`` (checks of arrays, and targets), ``limits`` (of hyperparameters) and ``threads``. The
package reads no file and prints nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from network.layers import Dense, Dropout, ReLU
    from network.loss import SoftmaxCrossEntropy, cross_entropy, softmax
    from network.model import Network
    from network.samples import one_hot
    from network.trainer import DivergenceError, Trainer

__all__ = [
    "Dense",
    "DivergenceError",
    "Dropout",
    "Network",
    "ReLU",
    "SoftmaxCrossEntropy",
    "Trainer",
    "cross_entropy",
    "one_hot",
    "softmax",
]


def __getattr__(name: str) -> Any:
    # imported at first use, so that a program that only predicts does not depend on the trainer
    if name in __all__:
        for module in ("loss", "layers", "samples", "model", "trainer"):
            found = import_module(f"network.{module}")
            if hasattr(found, name):
                return getattr(found, name)
    raise AttributeError(f"module 'network' has no attribute {name!r}")
