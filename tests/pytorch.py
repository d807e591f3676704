"""Optimizers against PyTorch's: ``make test-peers``."""

from typing import Any

import numpy as np
import pytest
import torch

from network.limits import OptimizerName
from network.optimizer import OPTIMIZERS
from tests.reference import OPTIONS, STRENGTH, network_to_step, steps


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_hundred_steps_are_those_of_pytorch(name: OptimizerName) -> None:
    network = network_to_step()
    split = network.weights.size
    parameters = [
        torch.tensor(part.copy(), requires_grad=True)
        for part in (network.parameters[:split], network.parameters[split:])
    ]
    options = OPTIONS[name]
    if "momentum" in options:
        known: dict[str, Any] = {**options, "nesterov": name == "nesterov"}
    elif options:
        known = {"betas": (options["beta1"], options["beta2"]), "eps": options["epsilon"]}
    else:
        known = {}
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}.get(name, torch.optim.SGD)
    groups = [
        {"params": [part], "weight_decay": decay}
        for part, decay in zip(parameters, (STRENGTH, 0.0), strict=True)
    ]
    theirs = kind(groups, lr=1.0, **known)
    ours = OPTIMIZERS[name](network, STRENGTH, **options)
    for gradient, rate in steps(network.parameters.size):
        network.gradient[:] = gradient
        ours.step(rate)
        for part, piece in zip(parameters, np.split(gradient, [split]), strict=True):
            part.grad = torch.tensor(piece)
        for group in theirs.param_groups:
            group["lr"] = rate
        theirs.step()
    result = np.concatenate([part.detach().numpy() for part in parameters])
    np.testing.assert_allclose(network.parameters, result, rtol=1e-10)
