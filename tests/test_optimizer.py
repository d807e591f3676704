"""Optimizers and schedules against their papers' formulas, and against PyTorch where it is."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from network.arrays import FloatType
from network.model import Network
from network.optimizer import OPTIMIZERS, SGD, AdamW
from network.penalty import WeightDecay
from network.schedule import SHAPES, Schedule

Doubles = NDArray[np.float64]
State = dict[str, Doubles]

ZERO = np.zeros(1)
STEPS = 100
STRENGTH = 0.05
OPTIONS: dict[str, dict[str, float]] = {
    "sgd": {},
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.8},
    "adam": {"beta1": 0.9, "beta2": 0.99, "epsilon": 1e-3},
    "adamw": {"beta1": 0.8, "beta2": 0.999, "epsilon": 1e-8},
}


def network_to_step(dtype: FloatType = np.float64) -> Network:
    network = Network([4, 3, 2], dtype=dtype)
    network.parameters[:] = np.random.default_rng(0).normal(size=network.parameters.shape)
    return network


def gradients(size: int) -> Iterator[tuple[Doubles, float]]:
    """Yield a gradient and a learning rate for each step."""
    generator = np.random.default_rng(1)
    for step in range(STEPS):
        yield generator.normal(size=size), 0.1 / (1 + step)


def sgd(theta: Doubles, decayed: Doubles, _: State, g: Doubles, rate: float) -> Doubles:
    return theta - rate * (g + STRENGTH * decayed * theta)


def momentum(theta: Doubles, decayed: Doubles, state: State, g: Doubles, rate: float) -> Doubles:
    state["v"] = 0.9 * state.get("v", ZERO) + g + STRENGTH * decayed * theta
    velocity: Doubles = state["v"]
    return theta - rate * velocity


def nesterov(theta: Doubles, decayed: Doubles, state: State, g: Doubles, rate: float) -> Doubles:
    g = g + STRENGTH * decayed * theta
    state["v"] = 0.8 * state.get("v", ZERO) + g
    return theta - rate * (g + 0.8 * state["v"])


def adam(theta: Doubles, decayed: Doubles, state: State, g: Doubles, rate: float) -> Doubles:
    g = g + STRENGTH * decayed * theta
    t = state["t"] = state.get("t", ZERO) + 1
    m = state["m"] = 0.9 * state.get("m", ZERO) + (1 - 0.9) * g
    v = state["v"] = 0.99 * state.get("v", ZERO) + (1 - 0.99) * g**2
    return theta - rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.99**t)) + 1e-3)


def adamw(theta: Doubles, decayed: Doubles, state: State, g: Doubles, rate: float) -> Doubles:
    t = state["t"] = state.get("t", ZERO) + 1
    m = state["m"] = 0.8 * state.get("m", ZERO) + (1 - 0.8) * g
    v = state["v"] = 0.999 * state.get("v", ZERO) + (1 - 0.999) * g**2
    theta = theta - rate * STRENGTH * decayed * theta
    return theta - rate * (m / (1 - 0.8**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)


@pytest.mark.parametrize("formula", [sgd, momentum, nesterov, adam, adamw])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-11), (np.float32, 1e-4)])
def test_each_step_is_the_papers(
    formula: Callable[..., Doubles], dtype: FloatType, tolerance: float
) -> None:
    name = formula.__name__
    network = network_to_step(dtype)
    optimizer = OPTIMIZERS[name](network, STRENGTH, **OPTIONS[name])
    theta, state = network.parameters.astype(np.float64), State()
    decayed = np.arange(theta.size) < network.weights.size
    for gradient, rate in gradients(theta.size):
        theta = formula(theta, decayed, state, gradient, rate)
        network.gradient[:] = gradient
        optimizer.step(rate)
        np.testing.assert_allclose(network.parameters, theta, rtol=tolerance, atol=tolerance)


def test_first_step_of_adam_is_the_learning_rate() -> None:
    # m̂ = g and v̂ = g² at the first step, so that θ moves by η g / (|g| + ε)
    network = network_to_step()
    before = network.parameters.copy()
    network.gradient[:] = 4.0
    OPTIMIZERS["adam"](network, 0, beta1=0.9, beta2=0.999, epsilon=1.0).step(0.01)
    np.testing.assert_allclose(before - network.parameters, 0.01 * 4 / 5)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_hundred_steps_are_those_of_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
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
    for gradient, rate in gradients(network.parameters.size):
        network.gradient[:] = gradient
        ours.step(rate)
        for part, piece in zip(parameters, np.split(gradient, [split]), strict=True):
            part.grad = torch.tensor(piece)
        for group in theirs.param_groups:
            group["lr"] = rate
        theirs.step()
    result = np.concatenate([part.detach().numpy() for part in parameters])
    np.testing.assert_allclose(network.parameters, result, rtol=1e-10)


def test_decay_is_right_where_a_float_is_too_coarse_for_it() -> None:
    # 1 - 3.75e-7 would be six spacings of 2⁻²⁴ below 1: almost 5 % less decay than is meant
    weights = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    before = weights.astype(np.float64)
    decay = WeightDecay(weights)
    for _ in range(100_000):
        decay.apply(3.75e-7)
    assert np.log(weights / before).mean() == pytest.approx(-0.0375, rel=0.01)


@pytest.mark.parametrize("optimizer", [SGD, AdamW])
def test_nothing_decays_without_strength(optimizer: Callable[..., Any]) -> None:
    network = network_to_step()
    before = network.parameters.copy()
    network.gradient[:] = 0
    made = optimizer(network, 0, **OPTIONS[optimizer.__name__.lower()])
    made.step(0.1)
    np.testing.assert_array_equal(network.parameters, before)


@pytest.mark.parametrize(
    ("shape", "warmup", "rates"),
    [
        ("constant", 0, [8] * 8),
        ("constant", 4, [2, 4, 6, 8, 8, 8, 8, 8]),
        ("step", 0, [8, 8, 8, 8, 0.8, 0.8, 0.08, 0.08]),
        ("step", 4, [2, 4, 6, 8, 8, 8, 0.8, 0.08]),
        ("cosine", 0, [4 * (1 + math.cos(math.pi * step / 8)) for step in range(8)]),
        ("cosine", 6, [8 / 6, 16 / 6, 4, 32 / 6, 40 / 6, 8, 8, 4]),
        (
            "one_cycle",
            2,
            [
                8 * (1 / 25 + 1) / 2,
                *[
                    8 / 25e4 + (8 - 8 / 25e4) * (1 + math.cos(math.pi * p / 6)) / 2
                    for p in (-0.0, 0, 1, 2, 3, 4, 5)
                ],
            ],
        ),
    ],
)
def test_rates_worked_out_by_hand(shape: str, warmup: int, rates: list[float]) -> None:
    schedule = Schedule(SHAPES[shape], peak=8, total=8, warmup=warmup)
    assert [schedule.rate(step) for step in range(8)] == pytest.approx(rates)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_peak_is_reached_and_not_passed(shape: str) -> None:
    schedule = Schedule(SHAPES[shape], peak=0.3, total=100, warmup=20)
    rates = [schedule.rate(step) for step in range(100)]
    assert max(rates) == rates[19] == pytest.approx(0.3)
    assert rates[:20] == sorted(rates[:20])
    assert rates[20:] == sorted(rates[20:], reverse=True)


def test_cosine_is_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=50)
    ours = Schedule(SHAPES["cosine"], peak=0.3, total=50, warmup=0)
    for step in range(50):
        assert ours.rate(step) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
