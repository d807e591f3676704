"""Where each file of the pipeline stands; ``dvc.yaml`` says the same to DVC."""

from pathlib import Path

PARAMETERS = Path("params.yaml")

RAW = Path("data/raw")
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
WEIGHTS_PLOT = Path("plots/weights.png")
CONFUSION_PLOT = Path("plots/confusion.png")
RELIABILITY_PLOT = Path("plots/reliability.png")
