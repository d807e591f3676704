"""A peer's process: on request, it trains a round and prints the seconds per step."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.steps.workloads import WORKLOADS, Workload


class Data(NamedTuple):
    """Images (n, 784) and labels (n,); those of training are memory-mapped."""

    train_images: NDArray[Any]
    train_labels: NDArray[np.uint8]
    validation_images: NDArray[Any]
    validation_labels: NDArray[np.uint8]


class Peer(Protocol):
    """A network in training."""

    def train(self, steps: int) -> None:
        """Take that many steps, each with a new batch, and return when all are done."""

    def predict(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Return the classes predicted for images (n, 784)."""


def serve(make: Callable[[Workload, Data, int], Peer]) -> None:
    """Create the peer, warm it up, and then answer the requests on standard input."""
    parser = argparse.ArgumentParser()
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("threads", type=int)
    parser.add_argument("folder", type=Path, help="where the arrays are")
    parser.add_argument("steps", type=int, help="of a round")
    arguments = parser.parse_args()
    workload = WORKLOADS[arguments.workload]

    folder = arguments.folder
    data = Data(
        np.load(folder / "train_images.npy", mmap_mode="r"),
        np.load(folder / "train_labels.npy"),
        np.load(folder / "validation_images.npy"),
        np.load(folder / "validation_labels.npy"),
    )
    peer = make(workload, data, arguments.threads)
    peer.train(arguments.steps)  # compilation and warm-up
    print("ready", flush=True)
    for line in sys.stdin:
        if line == "train\n":
            start = time.perf_counter()
            peer.train(arguments.steps)
            print((time.perf_counter() - start) / arguments.steps, flush=True)
        else:
            predicted = peer.predict(data.validation_images)
            print(float((predicted == data.validation_labels).mean()), flush=True)
