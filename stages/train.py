"""Train the network: images and labels → weights, with loss and accuracy epoch by epoch."""

import csv
import math
import warnings
from collections.abc import Iterable
from inspect import signature
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, Field, ValidationInfo, field_validator
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from network.batches import ShuffledBatches
from network.layers import Dropout
from network.model import Network
from network.optimizer import OPTIMIZERS
from network.schedule import SHAPES, Schedule
from network.training import DivergenceError, Epoch, Samples, train
from stages.common import processed
from stages.common.errors import StageError, run
from stages.common.files import replacing, rounded, write_json
from stages.common.parameters import OneOf, Section, load
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
    optimizer: Annotated[str, OneOf(OPTIMIZERS)]
    learning_rate: float = Field(gt=0, le=1e30)
    batch_size: int = Field(ge=1)
    epochs: int = Field(ge=1)
    weight_decay: float = Field(ge=0, le=1e30)
    seed: int = Field(ge=0)
    schedule: Annotated[str, OneOf(SHAPES)] = "constant"
    warmup: float = Field(default=0, ge=0)
    keep: Literal["last", "best"] = "last"
    threads: int = Field(default=1, ge=1, le=64)
    # of some optimizers, which have the defaults
    momentum: float | None = Field(default=None, ge=0, lt=1)
    beta1: float | None = Field(default=None, ge=0, lt=1)
    beta2: float | None = Field(default=None, ge=0, lt=1)
    epsilon: float | None = Field(default=None, gt=0)

    @field_validator("warmup")
    @classmethod
    def _fits_the_schedule(cls, warmup: float, others: ValidationInfo) -> float:
        if warmup > others.data.get("epochs", warmup):
            raise ValueError("must be at most epochs")
        if warmup == 0 and others.data.get("schedule") == "one_cycle":
            raise ValueError("must be above 0 for one_cycle, which begins by rising")
        return warmup

    @field_validator("momentum", "beta1", "beta2", "epsilon")
    @classmethod
    def _is_used(cls, value: float | None, others: ValidationInfo) -> float | None:
        optimizer = others.data.get("optimizer")
        if optimizer and others.field_name not in options(optimizer):
            raise ValueError(f"is not used by {optimizer}")
        return value


class Parameters(BaseModel):
    model: Model
    train: Train


def options(optimizer: str) -> list[str]:
    """Name the parameters that only some optimizers take."""
    taken = signature(OPTIMIZERS[optimizer]).parameters
    return [name for name in taken if name in Train.model_fields]


def main() -> None:
    # NumPy's, on the way to a DivergenceError, which says it once
    warnings.simplefilter("ignore", RuntimeWarning)
    parameters = load(Parameters)
    splits = {name: Samples(*processed.load(name)) for name in ("train", "validation")}
    check_sizes(parameters.train, splits)
    network, epochs = prepare(parameters, splits)
    try:
        with threadpool_limits(parameters.train.threads):
            kept = record(epochs, parameters.train)
    except DivergenceError as error:
        raise StageError(
            f"{error}: lower train.learning_rate ({parameters.train.learning_rate}) in params.yaml"
        ) from None

    network.parameters[:] = kept.parameters
    with replacing(WEIGHTS) as file:
        np.savez(file, allow_pickle=False, **network.arrays())
    scores = {split: rounded(score._asdict()) for split, score in kept.scores.items()}
    chosen = {"epoch": kept.number} if parameters.train.keep == "best" else {}
    write_json(TRAIN_METRICS, {**scores, **chosen})


def check_sizes(settings: Train, splits: dict[str, Samples]) -> None:
    """Refuse what the data cannot give."""
    images = len(splits["train"].labels)
    if settings.batch_size > images:
        raise StageError(
            f"params.yaml: train.batch_size: must be at most {images},"
            f" the number of training images, got {settings.batch_size}"
        )
    if settings.keep == "best" and not len(splits["validation"].labels):
        raise StageError(
            "params.yaml: train.keep: must be 'last' without validation images to tell the best"
        )


def prepare(parameters: Parameters, splits: dict[str, Samples]) -> tuple[Network, Iterable[Epoch]]:
    """Put the network and its training together as the parameters say."""
    model, settings = parameters.model, parameters.train
    images, labels = splits["train"]
    weights, shuffle, dropout = np.random.SeedSequence(settings.seed).spawn(3)

    network = Network(
        [images.shape[1], *model.hidden, len(processed.load_classes())],
        [
            Dropout(units, rate, np.random.default_rng(seed)) if rate else None
            for units, rate, seed in zip(
                model.hidden, model.dropout, dropout.spawn(len(model.dropout)), strict=True
            )
        ],
    )
    network.initialize(np.random.default_rng(weights))

    chosen = {name: getattr(settings, name) for name in options(settings.optimizer)}
    optimizer = OPTIMIZERS[settings.optimizer](
        network,
        settings.weight_decay / settings.batch_size,
        **{name: value for name, value in chosen.items() if value is not None},
    )
    batches = ShuffledBatches(images, labels, settings.batch_size, np.random.default_rng(shuffle))
    schedule = Schedule(
        SHAPES[settings.schedule],
        peak=settings.learning_rate,
        total=settings.epochs * len(batches),
        warmup=round(settings.warmup * len(batches)),
    )
    epochs = train(network, optimizer, batches, schedule, splits=splits, epochs=settings.epochs)
    return network, epochs


def record(epochs: Iterable[Epoch], settings: Train) -> Epoch:
    """Run the epochs, add each to the history as it is scored, and return the one to keep.

    A terminal is shown a progress bar, a log a line an epoch.
    """
    HISTORY.parent.mkdir(parents=True, exist_ok=True)
    lowest = math.inf
    with HISTORY.open("w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        table.writeheader()
        progress = tqdm(epochs, total=settings.epochs, bar_format=BAR, disable=None)
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
                print(f"epoch {epoch.number}/{settings.epochs}: {summary}", flush=True)
            else:
                progress.set_postfix_str(summary)
            if settings.keep == "last":
                kept = epoch
            elif epoch.scores["validation"].loss < lowest:
                lowest = epoch.scores["validation"].loss
                kept = epoch._replace(parameters=epoch.parameters.copy())
    return kept


if __name__ == "__main__":
    run(main)
