"""Train the network: images and labels → weights, with loss and accuracy after each epoch."""

import warnings
from collections.abc import Iterator

import stages.shared.kernels  # noqa: F401 (before NumPy)
from stages.shared.errors import StageError
from stages.shared.files import (
    load_dataset,
    load_split,
    rounded,
    write_json,
    write_npz,
    write_table,
)
from stages.shared.paths import HISTORY, PARAMETERS, PROCESSED, TRAIN_METRICS, WEIGHTS
from stages.shared.running import run
from stages.shared.settings import Augment, Model, Train, load

from threadpoolctl import threadpool_limits
from tqdm import tqdm

from network.trainer import DivergenceError, Epoch, Trainer

COLUMNS = ("epoch", "train_loss", "validation_loss", "train_accuracy", "validation_accuracy")
BAR = "epoch {n_fmt}/{total_fmt} |{bar}| {remaining}{postfix}"


def main() -> None:
    model, settings, augment = load(Model), load(Train), load(Augment)
    classes = len(load_dataset().classes)
    train, validation = load_split("train"), load_split("validation")

    options = model.model_dump() | augment.model_dump()
    options |= settings.model_dump(exclude={"threads", "kernels"})
    try:
        trainer = Trainer(train, validation, classes=classes, **options)
    except ValueError as error:
        raise StageError(f"{place_of(error)}{error}") from None
    warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, before a DivergenceError
    try:
        with threadpool_limits(settings.threads):
            rows = (history_row(epoch) for epoch in shown(trainer.run(), settings.epochs))
            write_table(HISTORY, COLUMNS, rows)
    except DivergenceError as error:
        rate = settings.learning_rate
        decay = f" or weight_decay ({settings.weight_decay})" if settings.weight_decay else ""
        raise StageError(
            f"{PARAMETERS}: train: epoch {error.epoch}: {error.reason},"
            f" lower learning_rate ({rate}){decay}"
        ) from None

    write_npz(WEIGHTS, trainer.network.state_dict())
    scores = {split: rounded(score._asdict()) for split, score in trainer.kept.scores.items()}
    kept = {"epoch": trainer.kept.number} if settings.keep == "best" else {}
    write_json(TRAIN_METRICS, {**scores, **kept})


def place_of(error: ValueError) -> str:
    """Return the place of the setting, or of the data, with whose name the message begins."""
    name = str(error).partition(":")[0]
    for section in (Model, Augment, Train):
        if name in section.model_fields:
            return f"{PARAMETERS}: {section.__name__.lower()}."
    return f"{PROCESSED}: "


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
