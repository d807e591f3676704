"""Section ``train``."""

from typing import Literal

from stages.settings.section import Section

from pydantic import Field, ValidationInfo, field_validator

from network.optimizer import OptimizerName
from network.schedule import ScheduleName


class Train(Section):
    """The training of the network."""

    optimizer: OptimizerName
    learning_rate: float = Field(gt=0, le=1e30)
    batch_size: int = Field(ge=1, le=1_000_000_000)
    epochs: int = Field(ge=1, le=1_000_000_000)
    weight_decay: float = Field(ge=0, le=1e30)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.999, ge=0, lt=1)
    epsilon: float = Field(default=1e-8, ge=1e-30, le=1)
    schedule: ScheduleName = "constant"
    warmup: float = Field(default=0, ge=0)
    keep: Literal["last", "best"] = "last"
    threads: int = Field(default=1, ge=1, le=64)
    seed: int = Field(ge=0)

    @field_validator("warmup")
    @classmethod
    def _fits_the_schedule(cls, warmup: float, others: ValidationInfo) -> float:
        if warmup > others.data.get("epochs", warmup):
            raise ValueError("must be at most epochs")
        if warmup == 0 and others.data.get("schedule") == "one_cycle":
            raise ValueError("must be above 0 for one_cycle, which begins by rising")
        return warmup
