"""Training: one step worked out, epochs and their scores, and the parameters at the end."""

import threading
from typing import Any, Literal

import numpy as np
import pytest

from examples import plain
from network import metrics
from network.arrays import Floats
from network.layers import Dropout
from network.loss import SoftmaxCrossEntropy
from network.metrics import score
from network.model import Network
from network.optimizer import SGD, Optimizer
from network.schedule import SHAPES, Schedule
from network.trainer import DivergenceError, Trainer
from tests.blobs import OVERFITTING, SHORT, TRAIN, VALIDATION, blobs, layers_of
from tests.support import LONGEST_WAIT

LABELS = TRAIN[1]


def trained(*arguments: Any, **options: Any) -> Floats:
    """Return the parameters after a training on TRAIN."""
    trainer = Trainer(TRAIN, *arguments, **{**SHORT, **options})
    list(trainer.run())
    return trainer.network.parameters


def test_update_worked_out_by_hand() -> None:
    # Both columns of W are equal, so p = (½, ½). With x = (1, 2) and label 0:
    # dL/dW = xᵀ (p - y) = (-½, ½; -1, 1) and dL/db = (-½, ½); λ = weight_decay / batch_size = 0.4.
    network = Network([2, 2], dtype=np.float64)
    w, b = network.state_dict().values()
    w[:] = [[1, 1], [3, 3]]
    network.backward(
        SoftmaxCrossEntropy().gradient(network.forward(np.array([[1, 2]])), np.eye(2)[:1])
    )
    SGD(network, decay=0.4).step(0.1)
    np.testing.assert_allclose(
        w,
        [
            [1 - 0.1 * (-0.5 + 0.4), 1 - 0.1 * (0.5 + 0.4)],
            [3 - 0.1 * (-1.0 + 1.2), 3 - 0.1 * (1.0 + 1.2)],
        ],
    )
    np.testing.assert_allclose(b, [0.05, -0.05])


def test_a_full_batch_step_is_that_of_the_formula_in_float64() -> None:
    generator = np.random.default_rng(0)
    x = generator.random((500, 784), dtype=np.float32)
    labels = generator.integers(10, size=500).astype(np.uint8)
    options: dict[str, Any] = {"learning_rate": 0.006, "weight_decay": 0.5, "batch_size": 500}
    trainer = Trainer((x, labels), classes=10, epochs=1, **options)
    before = layers_of(trainer.network)
    list(trainer.run())
    expected = plain.gradients(before, x, np.eye(10)[labels])
    for old, new, (dw, db) in zip(before, layers_of(trainer.network), expected, strict=True):
        for k, gradient in enumerate((dw + 0.5 / 500 * old[0], db)):
            step = -0.006 * gradient
            assert np.linalg.norm(new[k] - old[k] - step) < 1e-3 * np.linalg.norm(step)


def test_rates_follow_the_schedule_from_epoch_to_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    monkeypatch.setattr(Optimizer, "step", lambda _, rate: rates.append(rate))
    list(Trainer(TRAIN, **SHORT, batch_size=25, schedule="cosine", warmup=4 / 3).run())
    assert rates == [Schedule(SHAPES["cosine"], 0.1, 9, 4).rate(step) for step in range(9)]


def test_training_learns_and_scores_every_split(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = blobs(2007)
    monkeypatch.setattr(metrics, "BLOCK_ACTIVATIONS", 5000)  # so that there are several blocks
    images, labels = samples
    trainer = Trainer(samples, (images[:0], labels[:0]), **SHORT, dropout=0.05)
    epochs = list(trainer.run())
    assert [epoch.number for epoch in epochs] == [1, 2, 3]
    assert list(epochs[-1].scores) == ["train"]
    assert epochs[-1].scores["train"].accuracy > 0.98
    expected = plain.score(layers_of(trainer.network), *samples)
    assert epochs[-1].scores["train"] == pytest.approx(expected, rel=1e-5)


def test_each_epoch_is_the_last_of_a_shorter_training() -> None:
    # the next epoch is trained while an epoch is scored
    options = {**SHORT, "dropout": 0.2, "batch_size": 7}
    epochs = list(Trainer(TRAIN, VALIDATION, **options).run())
    for number, epoch in enumerate(epochs, start=1):
        shorter = Trainer(TRAIN, VALIDATION, **{**options, "epochs": number})
        assert list(shorter.run())[-1] == shorter.kept == epoch
        for name, samples in (("train", TRAIN), ("validation", VALIDATION)):
            assert epoch.scores[name] == score(shorter.network, *samples)


def test_the_best_parameters_are_kept() -> None:
    best = Trainer(TRAIN, VALIDATION, **OVERFITTING, keep="best")
    losses = [epoch.scores["validation"].loss for epoch in best.run()]
    lowest = int(np.argmin(losses)) + 1
    assert 1 < lowest < len(losses)
    assert best.kept.number == lowest
    assert best.kept.scores["validation"].loss == min(losses)
    options = {**OVERFITTING, "epochs": lowest}
    np.testing.assert_array_equal(best.network.parameters, trained(VALIDATION, **options))


@pytest.mark.parametrize("keep", ["last", "best"])
def test_ending_early_leaves_the_parameters_kept(keep: Literal["last", "best"]) -> None:
    trainer = Trainer(TRAIN, VALIDATION, **OVERFITTING, keep=keep)
    for epoch in trainer.run():
        if epoch.number == 15:
            break
    assert trainer.kept.number == 15 or keep == "best"
    assert score(trainer.network, *VALIDATION) == trainer.kept.scores["validation"]


def test_an_interrupt_stops_training_before_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    steps, threads = [], threading.active_count()
    stopped = threading.Event()

    class Stop(threading.Event):
        def set(self) -> None:
            super().set()
            stopped.set()

    def step(_: Optimizer, rate: float) -> None:
        steps.append(rate)
        if len(steps) == len(LABELS) + 1:  # the first of the second epoch
            stopped.wait(LONGEST_WAIT)

    monkeypatch.setattr(Optimizer, "step", step)
    monkeypatch.setattr("network.trainer.Event", Stop)
    run = Trainer(TRAIN, **SHORT, batch_size=1).run()
    next(run)
    with pytest.raises(KeyboardInterrupt):
        run.throw(KeyboardInterrupt)
    assert threading.active_count() == threads
    assert len(LABELS) <= len(steps) <= len(LABELS) + 1


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("learning_rate", "reason"),
    [(1e30, "the loss is (nan|inf)"), (1e4, r"all units of hidden layer \d are 0 for every .*")],
)
def test_a_failed_training_names_epoch_and_reason(learning_rate: float, reason: str) -> None:
    trainer = Trainer(TRAIN, **{**SHORT, "learning_rate": learning_rate})
    with pytest.raises(DivergenceError, match=rf"^epoch \d: {reason}; lower learning_rate$"):
        list(trainer.run())


def test_a_trainer_trains_once() -> None:
    trainer = Trainer(TRAIN, **SHORT)
    list(trainer.run())
    with pytest.raises(RuntimeError, match=r"^run: has trained this network already; make a new"):
        next(trainer.run())


def test_weights_shuffle_and_each_dropout_have_separate_streams() -> None:
    # a rate below 2⁻¹⁷ is rounded to none, yet the layer draws its masks
    drawn, none = 1e-9, trained()
    assert trained(seed=1).tobytes() != none.tobytes()
    assert trained(dropout=drawn).tobytes() == none.tobytes()
    assert trained(dropout=0.5).tobytes() != none.tobytes()
    second = trained(dropout=[0, 0.5])
    assert trained(dropout=[drawn, 0.5]).tobytes() == second.tobytes()
    initial = [Trainer(TRAIN, **SHORT, dropout=r).network.parameters for r in (0, 0.5)]
    np.testing.assert_array_equal(initial[0], initial[1])
    layers = Trainer(TRAIN, **{**SHORT, "hidden": [50, 50]}, dropout=0.5).network._layers
    first, other = (each.forward(np.ones((9, 50))) for each in layers if isinstance(each, Dropout))
    assert (first != other).any()


@pytest.mark.parametrize(
    ("optimizer", "names"),
    [
        ("sgd", ["weight_decay", "rotation", "scale", "shear", "shift", "elastic"]),
        ("momentum", ["momentum"]),
        ("nesterov", ["momentum"]),
        ("adam", ["beta1", "beta2", "epsilon"]),
        ("adamw", ["beta1", "beta2", "epsilon", "weight_decay"]),
    ],
)
def test_each_setting_is_used(optimizer: str, names: list[str]) -> None:
    samples = np.random.default_rng(0).random((60, 9)), LABELS
    results = set()
    for changed in ({}, *({name: 0.5} for name in names)):
        settings = {**SHORT, "optimizer": optimizer, "learning_rate": 0.01, **changed}
        trainer = Trainer(samples, **settings)
        list(trainer.run())
        results.add(trainer.network.parameters.tobytes())
    assert len(results) == 1 + len(names)


def test_arrays_and_settings_of_any_real_dtype_are_converted() -> None:
    images = np.random.default_rng(0).integers(2, size=(60, 3))
    results = set()
    for dtype, dropout in (
        ("f4", 0.5),
        ("f2", np.array(0.5)),
        (">f4", np.full(2, 0.5)),
        ("?", 0.5),
    ):
        options = {**SHORT, "dropout": dropout, "batch_size": np.int64(9)}
        trainer = Trainer((images.astype(dtype), LABELS.astype("i8")), **options)
        list(trainer.run())
        results.add(trainer.network.parameters.tobytes())
    assert len(results) == 1
