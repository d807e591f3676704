"""Train the network: images and labels → weights, with loss and accuracy after each epoch."""

import warnings
from collections.abc import Iterator

from stages.files import processed
from stages.files.paths import HISTORY, TRAIN_METRICS
from stages.files.weights import save_network
from stages.files.writing import rounded, write_json, write_table
from stages.running.errors import StageError
from stages.running.runner import run
from stages.settings.augment import Augment
from stages.settings.model import Model
from stages.settings.section import load
from stages.settings.train import Train

from threadpoolctl import threadpool_limits
from tqdm import tqdm

from network.trainer import DivergenceError, Epoch, Trainer

COLUMNS = ("epoch", "train_loss", "validation_loss", "train_accuracy", "validation_accuracy")
BAR = "epoch {n_fmt}/{total_fmt} |{bar}| {remaining}{postfix}"


def main() -> None:
    model, settings, augment = load("model", Model), load("train", Train), load("augment", Augment)
    classes = len(processed.load_classes())
    train, validation = (processed.load(name, classes) for name in ("train", "validation"))

    options = model.model_dump() | augment.model_dump()
    options |= settings.model_dump(exclude={"threads"})
    try:
        trainer = Trainer(train, validation, classes=classes, **options)
    except ValueError as error:
        raise StageError(f"params.yaml: train.{error}") from None
    warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, before a DivergenceError
    try:
        with threadpool_limits(settings.threads):
            rows = (history_row(epoch) for epoch in shown(trainer.run(), settings.epochs))
            write_table(HISTORY, COLUMNS, rows)
    except DivergenceError as error:
        # name the decay if one step of it exceeds the weights, at a learning rate of at most 1
        penalty = settings.weight_decay / settings.batch_size * min(settings.learning_rate, 1)
        name = "weight_decay" if penalty > 1 else "learning_rate"
        value = getattr(settings, name)
        raise StageError(
            f"params.yaml: train.{name}: epoch {error.epoch}: {error.reason}, lower it from {value}"
        ) from None

    save_network(trainer.network)
    scores = {split: rounded(score._asdict()) for split, score in trainer.kept.scores.items()}
    kept = {"epoch": trainer.kept.number} if settings.keep == "best" else {}
    write_json(TRAIN_METRICS, {**scores, **kept})


def history_row(epoch: Epoch) -> list[object]:
    """Return the fields of an epoch's row, empty where a split has no images."""
    fields: dict[str, object] = {"epoch": epoch.number}
    for split, score in epoch.scores.items():
        fields |= {f"{split}_{name}": value for name, value in rounded(score._asdict()).items()}
    return [fields.get(column, "") for column in COLUMNS]


def shown(epochs: Iterator[Epoch], total: int) -> Iterator[Epoch]:
    """Yield the epochs, and show each: as a progress bar in a terminal, else as a printed line."""
    progress = tqdm(epochs, total=total, bar_format=BAR, disable=None)
    for epoch in progress:
        summary = ", ".join(
            f"{split} loss {score.loss:.4f} {score.accuracy:.2%}"
            for split, score in epoch.scores.items()
        )
        if progress.disable:
            print(f"epoch {epoch.number}/{total}: {summary}", flush=True)
        else:
            progress.set_postfix_str(summary)
        yield epoch


if __name__ == "__main__":
    run(main)
