"""Train the network: images and labels → weights, with loss and accuracy epoch by epoch."""

import csv
from collections.abc import Iterable
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, Field, ValidationInfo, field_validator
from tqdm import tqdm

from network.batches import ShuffledBatches
from network.layers import Dropout
from network.model import Network
from network.optimizer import OPTIMIZERS
from network.penalty import L2Penalty
from network.training import DivergenceError, Epoch, Samples, train
from stages.common import processed
from stages.common.errors import StageError, run
from stages.common.files import replacing, rounded, write_json
from stages.common.parameters import Section, load
from stages.common.paths import HISTORY, TRAIN_METRICS, WEIGHTS

COLUMNS = ("epoch", "train_loss", "validation_loss", "train_accuracy", "validation_accuracy")
BAR = "epoch {n_fmt}/{total_fmt} |{bar}| {remaining}{postfix}"


class Model(Section):
    hidden: list[Annotated[int, Field(ge=1)]]
    dropout: list[Annotated[float, Field(ge=0, lt=1)]]

    @field_validator("dropout")
    @classmethod
    def _one_rate_a_layer(cls, dropout: list[float], others: ValidationInfo) -> list[float]:
        hidden = others.data.get("hidden")
        if hidden is not None and len(dropout) != len(hidden):
            raise ValueError(f"must hold a rate for each of the {len(hidden)} layers of hidden")
        return dropout


class Train(Section):
    optimizer: Literal["sgd"]
    learning_rate: float = Field(gt=0)
    batch_size: int = Field(ge=1)
    epochs: int = Field(ge=1)
    weight_decay: float = Field(ge=0)
    seed: int = Field(ge=0)


class Parameters(BaseModel):
    model: Model
    train: Train


def main() -> None:
    parameters = load(Parameters)
    splits = {name: Samples(*processed.load(name)) for name in ("train", "validation")}
    network, epochs = prepare(parameters, splits)
    try:
        last = record(epochs, parameters.train.epochs)
    except DivergenceError as error:
        raise StageError(
            f"{error}: lower train.learning_rate ({parameters.train.learning_rate}) in params.yaml"
        ) from None

    with replacing(WEIGHTS) as file:
        np.savez(file, allow_pickle=False, **network.arrays())
    write_json(
        TRAIN_METRICS, {split: rounded(score._asdict()) for split, score in last.scores.items()}
    )


def prepare(parameters: Parameters, splits: dict[str, Samples]) -> tuple[Network, Iterable[Epoch]]:
    """Put the network and its training together as the parameters say."""
    model, settings = parameters.model, parameters.train
    images, labels = splits["train"]
    if settings.batch_size > len(labels):
        raise StageError(
            f"params.yaml: train.batch_size: must be at most {len(labels)},"
            f" the number of training images, got {settings.batch_size}"
        )

    weights, shuffle, dropout = np.random.SeedSequence(settings.seed).spawn(3)

    network = Network(
        [images.shape[1], *model.hidden, len(processed.load_classes())],
        [
            Dropout(rate, np.random.default_rng(seed)) if rate else None
            for rate, seed in zip(model.dropout, dropout.spawn(len(model.dropout)), strict=True)
        ],
    )
    network.initialize(np.random.default_rng(weights))
    strength = settings.weight_decay / settings.batch_size
    epochs = train(
        network,
        L2Penalty(network.weights, network.weights_gradient, strength),
        OPTIMIZERS[settings.optimizer](
            network.parameters, network.gradient, settings.learning_rate
        ),
        ShuffledBatches(images, labels, settings.batch_size, np.random.default_rng(shuffle)),
        splits=splits,
        epochs=settings.epochs,
    )
    return network, epochs


def record(epochs: Iterable[Epoch], total: int) -> Epoch:
    """Run the epochs, add each to the history as it ends, and return the last.

    A terminal is shown a progress bar, a log a line an epoch.
    """
    HISTORY.parent.mkdir(parents=True, exist_ok=True)
    with HISTORY.open("w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        table.writeheader()
        progress = tqdm(epochs, total=total, bar_format=BAR, disable=None)
        for epoch in progress:
            figures = {
                f"{split}_{name}": figure
                for split, score in epoch.scores.items()
                for name, figure in rounded(score._asdict()).items()
            }
            table.writerow({"epoch": epoch.number, **figures})
            file.flush()
            summary = ", ".join(
                f"{split} loss {score.loss:.4f} {score.accuracy:.2%}"
                for split, score in epoch.scores.items()
            )
            if progress.disable:
                print(f"epoch {epoch.number}/{total}: {summary}", flush=True)
            else:
                progress.set_postfix_str(summary)
    return epoch


if __name__ == "__main__":
    run(main)
