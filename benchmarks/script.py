"""The whole work as a plain script does it: load, train, score and redraw each epoch, test.

To be timed beside ``dvc repro``: it trains the default network on all 60,000 images in float64.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.plain import Plain
from benchmarks.worker import Data
from benchmarks.workloads import WORKLOADS

RAW = Path("data/raw")
EPOCHS = 35


def main() -> None:
    """Train, and print what came of it."""
    images, labels = read("train")
    test_images, test_labels = read("t10k")
    workload = WORKLOADS["default"]
    plain = Plain(workload, Data(images, labels, test_images, test_labels), threads=1)
    losses = []
    with TemporaryDirectory() as folder:
        for epoch in range(1, EPOCHS + 1):
            plain.train(len(labels) // workload.batch_size)
            probabilities = plain.probabilities(images)
            losses.append(-np.log(probabilities[labels, np.arange(len(labels))]).mean())
            accuracy = (probabilities.argmax(axis=0) == labels).mean()
            print(f"epoch {epoch}/{EPOCHS}: loss {losses[-1]:.4f} {accuracy:.2%}", flush=True)
            plt.figure()
            plt.plot(losses)
            plt.savefig(Path(folder) / "loss.png")
            plt.close()
    print(f"test accuracy {(plain.predict(test_images) == test_labels).mean():.2%}")


def read(name: str) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Read a split of the raw files: images (n, 784) in [0, 1] and labels (n,)."""
    images = np.fromfile(RAW / f"{name}-images-idx3-ubyte", np.uint8, offset=16)
    labels = np.fromfile(RAW / f"{name}-labels-idx1-ubyte", np.uint8, offset=8)
    return images.reshape(-1, 784) / 255, labels


if __name__ == "__main__":
    main()
