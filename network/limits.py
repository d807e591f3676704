"""Limits of the hyperparameters."""
from typing import Any
LIMITS: dict[str, dict[str, Any]] = {
    "hidden": {"ge": 1, "le": 1_000_000}, "dropout": {"ge": 0, "lt": 1},
    "rotation": {"ge": 0, "le": 180}, "scale": {"ge": 0, "le": 2}, "shear": {"ge": 0, "le": 2}, "shift": {"ge": 0, "le": 28}, "elastic": {"ge": 0, "le": 28},
    "learning_rate": {"gt": 0, "le": 1e30}, "batch_size": {"ge": 1, "le": 1_000_000_000}, "epochs": {"ge": 1, "le": 1_000_000_000},
    "weight_decay": {"ge": 0, "le": 1e30}, "momentum": {"ge": 0, "lt": 1}, "beta1": {"ge": 0, "lt": 1}, "beta2": {"ge": 0, "lt": 1},
    "epsilon": {"ge": 1e-30, "le": 1}, "warmup": {"ge": 0}, "threads": {"ge": 1, "le": 64}, "seed": {"ge": 0},
}
