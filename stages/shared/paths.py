"""The paths of the pipeline's files; ``dvc.yaml`` names the same."""

from pathlib import Path

PARAMETERS = Path("params.yaml")

RAW = Path("data/raw")
TRAIN_IMAGES = RAW / "train-images-idx3-ubyte"
TRAIN_LABELS = RAW / "train-labels-idx1-ubyte"
TEST_IMAGES = RAW / "t10k-images-idx3-ubyte"
TEST_LABELS = RAW / "t10k-labels-idx1-ubyte"
RAW_DATASET = RAW / "dataset.json"
PROCESSED = Path("data/processed")
DATASET = PROCESSED / "dataset.json"
WEIGHTS = Path("data/weights.npz")
PREDICTIONS = Path("data/predictions.npz")

TRAIN_METRICS = Path("metrics/train.json")
TEST_METRICS = Path("metrics/test.json")

HISTORY = Path("plots/history.csv")
CONFUSION = Path("plots/confusion.csv")
CLASSES = Path("plots/classes.csv")
LOSS_PLOT = Path("plots/loss.png")
WEIGHTS_PLOT = Path("plots/weights.png")
AUGMENTED_PLOT = Path("plots/augmented.png")
PREDICTIONS_PLOT = Path("plots/predictions.png")
MISTAKES_PLOT = Path("plots/mistakes.png")
CONFUSION_PLOT = Path("plots/confusion.png")
RELIABILITY_PLOT = Path("plots/reliability.png")
BOARD = Path("plots/board.html")


def images_path(split: str) -> Path:
    """Return the path of the images of ``train``, ``validation`` or ``test``."""
    return PROCESSED / f"{split}_images.npy"


def labels_path(split: str) -> Path:
    """Return the path of the labels of ``train``, ``validation`` or ``test``."""
    return PROCESSED / f"{split}_labels.npy"
