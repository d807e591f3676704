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
from stages.shared.files import load_network, load_predictions
from stages.shared.paths import BOARD, DATASET, PREDICTIONS

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
CLASSES = ["Ankle boot", "</script>", "$x$ & >DATA<", *"3456789"]

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


def sure(images: Any) -> Any:
    return np.ones(len(images))


@pytest.fixture
def _results(workspace: Path) -> None:
    """Results of a run, with other names of the classes."""
    shutil.copytree(ROOT / "board", workspace / "board")
    description = {"classes": CLASSES, "preparation": "centred"}
    DATASET.write_text(json.dumps(description), "utf-8")


@pytest.mark.usefixtures("_results")
def test_the_page_holds_all_that_it_shows() -> None:
    board.main()
    page = BOARD.read_text("utf-8")
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
    for array, own in zip(arrays, load_network().state_dict().values(), strict=True):
        np.testing.assert_array_equal(array, own.ravel())


@pytest.mark.usefixtures("_results")
def test_the_samples_are_one_per_class_and_the_mistakes_of_highest_confidence() -> None:
    test = load_predictions()
    samples = board.content(load_network(), test)["samples"]
    right = [each["label"] for each in samples if each["label"] == each["predicted"]]
    assert right == sorted({*test.labels[test.labels == test.predicted]})
    mistakes = [base64.b64decode(each["pixels"]) for each in samples[len(right) :]]
    rows = [image.tobytes() for image in np.rint(255 * test.images).astype(np.uint8)]
    wrong = np.flatnonzero(test.predicted != test.labels)
    surest = sorted(wrong, key=lambda row: -test.confidence[row])[: board.SAMPLES]
    assert mistakes == [rows[row] for row in surest] != []


@pytest.mark.usefixtures("_results")
def test_a_network_that_the_page_does_not_compute_is_refused() -> None:
    with np.load(PREDICTIONS) as predictions:
        p, labels = predictions["probabilities"], predictions["labels"]
    p[-1] = p[-1][::-1]
    np.savez(PREDICTIONS, probabilities=p, labels=labels)
    BOARD.unlink()
    with pytest.raises(StageError, match=r"weights\.npz: the page's network .* other prob"):
        board.main()
    assert not BOARD.exists()
