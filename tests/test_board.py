"""The drawing board: its page, and its JavaScript against the same functions in Python."""

import base64
import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from stages import board
from stages.shared.datasets import Preparation
from stages.shared.errors import StageError
from stages.shared.files import load_predictions

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from py_mini_racer import MiniRacer

from network.loss import softmax
from network.model import Network
from tests.drawings import write
from tools.pictures import decode
from tools.preparation import PREPARATIONS

ROOT = Path(__file__).resolve().parents[1]
CLASSES = ["Ankle boot", "</script>", "$x$ & >DATA<"]

Call = Callable[..., Any]


@pytest.fixture(scope="module")
def call() -> Iterator[Call]:
    """A function that evaluates JavaScript with the values as constants, arrays as Float32Array."""
    with closing(MiniRacer()) as engine:
        for script in ("network.js", "preparation.js"):
            engine.eval((ROOT / "board" / script).read_text("utf-8"))
        # an error is its message
        engine.eval(
            "const attempt = (f) => { try { return f(); } catch (e) { return e.message; } }"
        )

        def evaluate(expression: str, **values: Any) -> Any:
            constants = "".join(
                f"const {name} = {to_script(value)};" for name, value in values.items()
            )
            plain = "(_, v) => ArrayBuffer.isView(v) ? Array.from(v) : v"
            result = f"JSON.stringify(attempt(() => {expression}), {plain})"
            return json.loads(str(engine.eval(f"{{{constants} {result}}}")))

        yield evaluate


def to_script(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"Float32Array.from({value.ravel().tolist()})"
    if isinstance(value, Network):
        state = value.state_dict()
        layers = (
            f"{{weights: {to_script(state[f'W{k}'])}, bias: {to_script(state[f'b{k}'])}}}"
            for k in range(1, len(value.sizes))
        )
        return f"[{', '.join(layers)}]"
    return json.dumps(value)


def random_network(sizes: Sequence[int], seed: int) -> Network:
    network, generator = Network(sizes), np.random.default_rng(seed)
    network.initialize(generator)
    for name, array in network.state_dict().items():
        if name.startswith("b"):
            array[:] = generator.normal(0, 0.5, array.shape)
    return network


networks = st.builds(
    random_network, st.lists(st.integers(1, 9), min_size=2, max_size=6), st.integers(0, 999)
)


@given(network=networks, seed=st.integers(0, 999))
def test_the_forward_pass_is_that_of_the_network(call: Call, network: Network, seed: int) -> None:
    x = np.random.default_rng(seed).random(network.sizes[0], np.float32).round(1)
    sums = call("forward(network, x)", network=network, x=x)
    logits = network.logits(x[None])
    assert [len(y) for y in sums] == list(network.sizes[1:])
    np.testing.assert_allclose(sums[-1:], logits, rtol=1e-4, atol=1e-5)
    p = call("softmax(z)", z=logits)
    np.testing.assert_allclose(p, softmax(logits)[0], rtol=1e-4, atol=1e-6)


@given(network=networks, data=st.data())
def test_the_gradient_is_the_difference_quotient(
    call: Call, network: Network, data: st.DataObject
) -> None:
    depth = data.draw(st.integers(0, len(network.sizes) - 2))
    unit = data.draw(st.integers(0, network.sizes[depth + 1] - 1))
    x = np.random.default_rng(data.draw(st.integers(0, 999))).random(network.sizes[0])
    ours = call(
        "gradient(network, forward(network, x), depth, unit)",
        network=network,
        x=x,
        depth=depth,
        unit=unit,
    )
    upper = Network(network.sizes[: depth + 2], dtype=np.float64)
    for name, array in upper.state_dict().items():
        array[:] = network.state_dict()[name]
    step = 1e-7 * np.eye(len(x))
    quotient = (upper.logits(x + step) - upper.logits(x - step))[:, unit] / 2e-7
    np.testing.assert_allclose(ours, quotient, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("preparation", PREPARATIONS)
@pytest.mark.parametrize("digits", [*([n] for n in range(10)), [1, 0], [7, 4]], ids=str)
def test_a_drawing_is_prepared_as_tools_predict_does(
    call: Call, preparation: Preparation, digits: list[int]
) -> None:
    random = np.random.default_rng(digits)
    inks = [write(digit, 76 if len(digits) == 1 else 30, 8, random) for digit in digits]
    drawing = np.zeros((96, 96))
    for i, ink in enumerate(inks):
        left = 6 + 31 * i
        drawing[6 : 6 + ink.shape[0], left : left + ink.shape[1]] += ink
    picture = Image.fromarray(np.uint8(255 - 255 * drawing))
    drawn = "{values, width: 96, height: 96}"
    ours = call(f"PREPARATIONS.{preparation}({drawn})", values=np.asarray(picture))
    expected = PREPARATIONS[preparation](decode(picture), sure).images
    assert len(ours) == len(expected) == (len(digits) if preparation == "centred" else 1)
    for image, other in zip(np.reshape(ours, (-1, 28, 28)), expected, strict=True):
        shifts = [np.roll(image, (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)]
        assert min(np.abs(shifted - other).mean() for shifted in shifts) < 0.015


@pytest.fixture
def _workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the files that the stage reads."""
    generator = np.random.default_rng(0)
    images = (generator.integers(0, 256, (40, 784)) / 255).astype(np.float32)
    labels = (np.arange(40) % 3).astype(np.uint8)
    network = random_network([784, 5, 4, 3], 0)
    shutil.copytree(ROOT / "board", tmp_path / "board")
    (tmp_path / "data/processed").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    described = {"classes": CLASSES, "preparation": "centred"}
    Path("data/processed/dataset.json").write_text(json.dumps(described), "utf-8")
    np.save("data/processed/test_images.npy", images)
    np.save("data/processed/validation_images.npy", images)
    np.save("data/processed/validation_labels.npy", labels)
    probabilities = softmax(network.logits(images))
    np.savez("data/predictions.npz", probabilities=probabilities, labels=labels)
    save(network)


def sure(images: Any) -> Any:
    return np.ones(len(images))


def save(network: Network) -> None:
    np.savez("data/weights.npz", **network.state_dict())  # type: ignore[arg-type]


@pytest.mark.usefixtures("_workspace")
def test_the_page_holds_all_that_it_shows() -> None:
    board.main()
    page = Path("plots/board.html").read_text("utf-8")
    assert not re.findall(r'<link rel="style|<script src|url\(|@import|https?:', page)
    for script in Path("board").glob("*.js"):
        assert f"<script>\n{script.read_text('utf-8')}</script>" in page

    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    data = json.loads(text)
    assert data["classes"] == CLASSES
    assert data["preparation"] == "centred"
    arrays = [
        np.frombuffer(base64.b64decode(layer[name]), "<f4")
        for layer in data["layers"]
        for name in ("weights", "bias")
    ]
    expected = random_network([784, 5, 4, 3], 0).state_dict().values()
    for array, own in zip(arrays, expected, strict=True):
        np.testing.assert_array_equal(array, own.ravel())


@pytest.mark.usefixtures("_workspace")
def test_the_samples_are_one_per_class_and_the_mistakes_of_highest_confidence() -> None:
    samples = board.content(random_network([784, 3], 0), load_predictions())["samples"]
    right = [each["label"] for each in samples if each["label"] == each["predicted"]]
    assert right == sorted(set(right)) != []
    mistakes = samples[len(right) :]
    assert len(mistakes) == board.SAMPLES
    assert all(each["label"] != each["predicted"] for each in mistakes)
    pixels = [np.frombuffer(base64.b64decode(each["pixels"]), np.uint8) for each in mistakes]
    images = np.load("data/processed/test_images.npy")
    rows = [np.flatnonzero((images == np.float32(row / 255)).all(axis=1)) for row in pixels]
    with np.load("data/predictions.npz") as predictions:
        p, labels = predictions["probabilities"], predictions["labels"]
    wrong = p.argmax(axis=1) != labels
    sure = p.max(axis=1)[np.concatenate(rows)]
    np.testing.assert_array_equal(sure, np.sort(p.max(axis=1)[wrong])[::-1][: board.SAMPLES])


@pytest.mark.usefixtures("_workspace")
def test_a_network_that_the_page_does_not_compute_is_refused() -> None:
    network = random_network([784, 5, 4, 3], 0)
    state, x = network.state_dict(), np.load("data/processed/test_images.npy")
    z = np.tanh(np.tanh(x @ state["W1"] + state["b1"]) @ state["W2"] + state["b2"])
    p = softmax(z @ state["W3"] + state["b3"])
    np.savez("data/predictions.npz", probabilities=p, labels=np.zeros(40, np.uint8))
    with pytest.raises(StageError, match=r"^data/weights\.npz: the page's network .* other prob"):
        board.main()
    assert not Path("plots/board.html").exists()
