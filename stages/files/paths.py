"""The paths of the pipeline's files; ``dvc.yaml`` names the same."""

from pathlib import Path

PARAMETERS = Path("params.yaml")

CODE = Path("data/code")
RAW = Path("data/raw")
TRAIN_IMAGES = RAW / "train-images-idx3-ubyte"
TRAIN_LABELS = RAW / "train-labels-idx1-ubyte"
TEST_IMAGES = RAW / "t10k-images-idx3-ubyte"
TEST_LABELS = RAW / "t10k-labels-idx1-ubyte"
RAW_DATASET = RAW / "dataset.json"
PROCESSED = Path("data/processed")
CLASSES = PROCESSED / "classes.json"
WEIGHTS = Path("data/weights.npz")
PREDICTIONS = Path("data/predictions.npz")

TRAIN_METRICS = Path("metrics/train.json")
TEST_METRICS = Path("metrics/test.json")

HISTORY = Path("plots/history.csv")
CONFUSION = Path("plots/confusion.csv")
RELIABILITY = Path("plots/reliability.csv")
LOSS_PLOT = Path("plots/loss.png")
PREDICTIONS_PLOT = Path("plots/predictions.png")
MISTAKES_PLOT = Path("plots/mistakes.png")
AUGMENTED_PLOT = Path("plots/augmented.png")
WEIGHTS_PLOT = Path("plots/weights.png")
CONFUSION_PLOT = Path("plots/confusion.png")
RELIABILITY_PLOT = Path("plots/reliability.png")
BOARD = Path("plots/board.html")
