"""What the layers, the loss, the batches and the update do, apart from their gradients."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from network.arrays import Floats, FloatType
from network.batches import ShuffledBatches
from network.layers import Dropout
from network.loss import SoftmaxCrossEntropy, cross_entropy, softmax
from network.metrics import (
    Bin,
    assess,
    calibration_error,
    class_scores,
    confusion_matrix,
    reliability,
)
from network.model import Network
from network.optimizer import SGD, Optimizer
from network.schedule import SHAPES, Schedule
from network.training import (
    EVALUATION_ROWS,
    DivergenceError,
    Samples,
    evaluate,
    train,
    train_epoch,
)


def constant_rate(learning_rate: float) -> Schedule:
    return Schedule(SHAPES["constant"], learning_rate, total=1, warmup=0)


def train_one_epoch(
    network: Network, optimizer: Optimizer, batches: ShuffledBatches, learning_rate: float
) -> None:
    for _ in train_epoch(network, optimizer, batches, constant_rate(learning_rate), first_step=0):
        pass


logits_of = arrays(
    np.float64,
    st.tuples(st.integers(1, 5), st.integers(1, 6)),
    elements=st.floats(-1e4, 1e4),
)


@given(logits_of)
def test_softmax_sums_to_one(logits: Floats) -> None:
    p = softmax(logits)
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)


@given(logits_of, st.floats(-1e4, 1e4))
def test_softmax_does_not_see_a_shift(logits: Floats, shift: float) -> None:
    np.testing.assert_allclose(softmax(logits + shift), softmax(logits), rtol=1e-7, atol=1e-12)


def test_softmax_is_the_ratio_of_exponentials() -> None:
    p = softmax(np.log([[1.0, 2.0, 5.0]]))
    np.testing.assert_allclose(p, [[1 / 8, 2 / 8, 5 / 8]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_loss_holds_at_logits_of_ten_thousand(dtype: FloatType) -> None:
    logits: Floats = np.array([[1e4, -1e4], [1e4, -1e4], [1e4, 1e4]], dtype)
    labels = np.array([0, 1, 0])
    np.testing.assert_allclose(cross_entropy(logits, labels), [0, 2e4, math.log(2)], rtol=1e-6)
    gradient = SoftmaxCrossEntropy(2, dtype).gradient(logits, labels)
    np.testing.assert_allclose(3 * gradient, [[0.0, 0.0], [1.0, -1.0], [-0.5, 0.5]], rtol=1e-6)


@given(logits_of, st.data())
def test_cross_entropy_is_minus_the_log_of_softmax(logits: Floats, data: st.DataObject) -> None:
    label = data.draw(st.integers(0, logits.shape[1] - 1))
    p = softmax(logits)[:, label]
    loss = cross_entropy(logits, np.full(len(logits), label))
    seen = p > 1e-300
    np.testing.assert_allclose(loss[seen], -np.log(p[seen]), rtol=1e-6, atol=1e-9)


@given(
    rate=st.floats(0.01, 0.9), rows=st.sampled_from([1, 16, 100, 300]), seed=st.integers(0, 2**32)
)
def test_dropout_keeps_the_expectation(rate: float, rows: int, seed: int) -> None:
    layer = Dropout(8, rate, np.random.default_rng(seed), np.float64)
    layer.allocate(rows)
    batches = 20_000 // rows
    y = np.concatenate([layer.forward(np.ones((rows, 8))).copy() for _ in range(batches)])
    np.testing.assert_allclose(y[y > 0], 1 / (1 - rate), rtol=1e-4)
    deviation = math.sqrt(rate / (1 - rate) / y.size)
    assert abs(y.mean() - 1) < 6 * deviation


def test_dropout_masks_are_never_used_twice() -> None:
    layer = Dropout(64, 0.5, np.random.default_rng(0))
    masks = set()
    sizes = [16] * 40 + [300, 7, 16, 16]
    for rows in sizes:
        layer.allocate(rows)
        masks.add(layer.forward(np.ones((rows, 64), np.float32)).tobytes())
    assert len(masks) == len(sizes)


def test_dropout_is_off_in_evaluation() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(5, 6)).astype(np.float32)
    dropout = Network([6, 50, 3], [Dropout(50, 0.5, np.random.default_rng(1))])
    plain = Network([6, 50, 3])
    dropout.initialize(np.random.default_rng(2))
    plain.parameters[:] = dropout.parameters
    np.testing.assert_array_equal(dropout.logits(x), plain.logits(x))
    assert not np.allclose(dropout.forward(x), plain.logits(x))


def test_initialization_is_he() -> None:
    network = Network([400, 300, 10])
    network.initialize(np.random.default_rng(0))
    arrays = network.arrays()
    for name, fan_in in (("W1", 400), ("W2", 300)):
        weights = arrays[name]
        deviation = math.sqrt(2 / fan_in)
        assert weights.dtype == np.float32
        assert abs(weights.mean()) < 5 * deviation / math.sqrt(weights.size)
        assert weights.std() == pytest.approx(deviation, rel=5 / math.sqrt(2 * weights.size))
    assert not arrays["b1"].any()
    assert not arrays["b2"].any()


@given(
    n=st.integers(1, 200),
    batch_size=st.integers(1, 200),
    seed=st.integers(0, 2**32),
    limits=st.fixed_dictionaries(
        {
            "CHUNK_BYTES": st.sampled_from([1, 300, 10_000]),
            "WHOLE_BYTES": st.sampled_from([0, 2**30]),
            "BLOCK_BYTES": st.sampled_from([1, 100, 500]),
            "POOL_BYTES": st.sampled_from([1, 1000]),
        }
    ),
)
def test_an_epoch_has_each_sample_once(
    n: int, batch_size: int, seed: int, limits: dict[str, int]
) -> None:
    batch_size = min(batch_size, n)
    labels = np.arange(n, dtype=np.uint8)
    images = np.repeat(labels[:, None], 3, axis=1).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        for name, limit in limits.items():
            patch.setattr(ShuffledBatches, name, limit)
        batches = ShuffledBatches(images, labels, batch_size, np.random.default_rng(seed))
        for _ in range(2):
            epoch = [(images.copy(), labels.copy()) for images, labels in batches]
            assert all((x == y[:, None]).all() for x, y in epoch)
            assert sorted(np.concatenate([y for _, y in epoch])) == list(range(n))
            sizes = [len(y) for _, y in epoch]
            assert sizes == [batch_size] * (n // batch_size) + [n % batch_size][: n % batch_size]


def test_a_set_beyond_memory_is_shuffled_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    # sorted labels are the worst case: without mixing, a batch would hold one class
    labels = np.repeat(np.arange(10, dtype=np.uint8), 400)
    images = labels[:, None].astype(np.float32)
    monkeypatch.setattr(ShuffledBatches, "WHOLE_BYTES", 0)
    monkeypatch.setattr(ShuffledBatches, "BLOCK_BYTES", 80 * 4)
    monkeypatch.setattr(ShuffledBatches, "POOL_BYTES", 1600 * 4)
    batches = list(ShuffledBatches(images, labels, 16, np.random.default_rng(0)))
    assert len(batches) == 250
    classes_a_batch = np.mean([len(np.unique(labels)) for _, labels in batches])
    assert classes_a_batch > 6  # 8.1 if all were permuted together


def test_each_epoch_has_its_own_order() -> None:
    images, labels = np.zeros((100, 1), np.float32), np.arange(100, dtype=np.uint8)

    def orders(seed: int) -> list[list[int]]:
        batches = ShuffledBatches(images, labels, 16, np.random.default_rng(seed))
        return [[int(label) for _, batch in batches for label in batch] for _ in range(3)]

    first, second, third = orders(0)
    assert first != second != third != first
    assert orders(0) == [first, second, third]
    assert orders(1)[0] != first


def test_update_worked_out_by_hand() -> None:
    # Both columns of W are equal, so p = (½, ½). With x = (1, 2) and label 0:
    # dL/dW = xᵀ (p - y) = (-½, ½; -1, 1) and dL/db = (-½, ½); λ = weight_decay / batch_size = 0.4.
    network = Network([2, 2], dtype=np.float64)
    w, b = network.arrays().values()
    w[:] = [[1, 1], [3, 3]]
    batches = ShuffledBatches(np.array([[1.0, 2.0]]), np.array([0]), 1, np.random.default_rng(0))
    train_one_epoch(network, SGD(network, strength=0.4), batches, learning_rate=0.1)
    np.testing.assert_allclose(
        w,
        [
            [1 - 0.1 * (-0.5 + 0.4), 1 - 0.1 * (0.5 + 0.4)],
            [3 - 0.1 * (-1.0 + 1.2), 3 - 0.1 * (1.0 + 1.2)],
        ],
    )
    np.testing.assert_allclose(b, [0.05, -0.05])


def test_full_batch_step_is_the_formula_in_float64() -> None:
    generator = np.random.default_rng(0)
    x = generator.random((500, 784), dtype=np.float32)
    labels = generator.integers(10, size=500).astype(np.uint8)
    network = Network([784, 64, 32, 10])
    network.initialize(generator)
    before = {name: array.astype(np.float64) for name, array in network.arrays().items()}
    learning_rate, weight_decay = 0.006, 0.5
    batches = ShuffledBatches(x, labels, 500, generator)
    train_one_epoch(network, SGD(network, weight_decay / 500), batches, learning_rate)

    a0 = x.astype(np.float64)
    z1 = a0 @ before["W1"] + before["b1"]
    a1 = np.maximum(z1, 0)
    z2 = a1 @ before["W2"] + before["b2"]
    a2 = np.maximum(z2, 0)
    z3 = a2 @ before["W3"] + before["b3"]
    p = np.exp(z3) / np.exp(z3).sum(axis=1, keepdims=True)
    d3 = (p - np.eye(10)[labels]) / 500
    d2 = d3 @ before["W3"].T * (z2 > 0)
    d1 = d2 @ before["W2"].T * (z1 > 0)
    for number, (a, d) in enumerate([(a0, d1), (a1, d2), (a2, d3)], start=1):
        w = before[f"W{number}"]
        expected = {
            f"W{number}": -learning_rate * (a.T @ d + weight_decay / 500 * w),
            f"b{number}": -learning_rate * d.sum(axis=0),
        }
        for name, step in expected.items():
            taken = network.arrays()[name] - before[name]
            assert np.linalg.norm(taken - step) < 1e-3 * np.linalg.norm(step), name


def test_training_learns_and_scores_every_split() -> None:
    generator = np.random.default_rng(0)
    n = 2 * EVALUATION_ROWS + 7
    labels = generator.integers(3, size=n).astype(np.uint8)
    images = (np.eye(3)[labels] + generator.normal(scale=0.2, size=(n, 3))).astype(np.float32)
    samples = Samples(images, labels)
    network = Network([3, 8, 3], [Dropout(8, 0.1, generator)])
    network.initialize(generator)
    epochs = list(
        train(
            network,
            SGD(network, 0.001),
            ShuffledBatches(images, labels, 10, generator),
            constant_rate(0.1),
            splits={"train": samples, "empty": Samples(images[:0], labels[:0])},
            epochs=3,
        )
    )
    assert [epoch.number for epoch in epochs] == [1, 2, 3]
    assert list(epochs[-1].scores) == ["train"]
    loss, accuracy = epochs[-1].scores["train"]
    assert accuracy > 0.98
    logits = network.logits(images)
    assert accuracy == (logits.argmax(axis=1) == labels).mean()
    assert loss == pytest.approx(cross_entropy(logits, labels).mean(), rel=1e-6)
    assert evaluate(network, samples) == epochs[-1].scores["train"]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_divergence_names_epoch_and_loss() -> None:
    generator = np.random.default_rng(0)
    samples = Samples(generator.random((100, 5), np.float32), np.arange(100, dtype=np.uint8) % 4)
    network = Network([5, 4])
    network.initialize(generator)
    epochs = train(
        network,
        SGD(network, 0),
        ShuffledBatches(*samples, 10, generator),
        constant_rate(3e38),
        splits={"train": samples},
        epochs=5,
    )
    with pytest.raises(DivergenceError, match=r"^epoch 1: the loss is (nan|inf)$"):
        list(epochs)


def test_assessment_worked_out_by_hand() -> None:
    labels, predicted = np.array([0, 0, 1, 1, 1, 2], np.uint8), np.array([0, 1, 1, 1, 0, 0])
    confusion = confusion_matrix(labels, predicted, 4)
    np.testing.assert_array_equal(
        confusion, [[1, 1, 0, 0], [1, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    )
    assert class_scores(confusion) == [(1 / 3, 1 / 2), (2 / 3, 2 / 3), (0, 0), (0, 0)]
    assessment = assess(np.zeros((6, 4)), predicted, labels)
    assert (assessment.accuracy, assessment.errors) == (0.5, 3)
    assert assessment.loss == pytest.approx(math.log(4))


def test_reliability_worked_out_by_hand() -> None:
    probabilities = np.array([[0.5, 0.5], [0.625, 0.375], [0.25, 0.75], [0.875, 0.125]])
    bins = reliability(probabilities, np.array([1, 0, 0, 0]), bins=2)
    assert bins == [Bin(0.5, 0, 1), Bin(0.75, 2 / 3, 3)]
    assert calibration_error(bins) == pytest.approx((0.5 + 3 * (0.75 - 2 / 3)) / 4)


def test_arrays_are_views_and_are_assigned() -> None:
    network, other = Network([4, 3, 2]), Network([4, 3, 2])
    network.initialize(np.random.default_rng(0))
    other.assign(network.arrays())
    np.testing.assert_array_equal(other.parameters, network.parameters)
    assert {name: array.shape for name, array in network.arrays().items()} == {
        "W1": (4, 3),
        "b1": (3,),
        "W2": (3, 2),
        "b2": (2,),
    }
    network.arrays()["W1"][:] = 7
    assert (network.parameters[:12] == 7).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"W3": np.zeros((2, 2))}, "must hold W1, b1, W2, b2, holds W1, b1, W2, b2, W3"),
        ({"b2": np.zeros(3)}, r"b2 must have shape \(2,\), has \(3,\)"),
        ({"W2": np.full((3, 2), np.inf)}, "W2 must hold finite numbers only"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change: dict[str, Floats], message: str) -> None:
    network = Network([4, 3, 2])
    with pytest.raises(ValueError, match=message):
        network.assign({**network.arrays(), **change})
