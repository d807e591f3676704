"""The page docs/mathematics.md: its code, its numbers, its links and its diffs."""

import doctest
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/mathematics.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BLOCKS = BLOCK.findall(TEXT)
PROSE = BLOCK.sub("", TEXT)
DIFFS = [block for language, block in BLOCKS if language == "diff"]

# Run in a copy with all diffs: gradients against finite differences, and a training.
CHECK = """
import numpy as np
from network import Network, Trainer, one_hot
from network.layers import Tanh
from network.loss import SmoothedCrossEntropy

generator = np.random.default_rng(0)
network = Network([4, 5, 3], dtype=np.float64)
network.initialize(generator)
assert isinstance(network._layers[1], Tanh)
x, y = generator.normal(size=(6, 4)), one_hot(generator.integers(3, size=6), 3, np.float64)
loss = SmoothedCrossEntropy()
network.backward(loss.gradient(network.forward(x), y))
numerical = np.empty_like(network.parameters)
for index, theta in enumerate(network.parameters.copy()):
    values = []
    for network.parameters[index] in (theta + 1e-6, theta - 1e-6):
        values.append(loss.value(network.logits(x), y))
    network.parameters[index] = theta
    numerical[index] = (values[0] - values[1]) / 2e-6
np.testing.assert_allclose(network.gradient, numerical, rtol=1e-6, atol=1e-8)

points = generator.normal(size=(400, 2))
labels = (points[:, 0] * points[:, 1] > 0).astype(int)  # no line separates these classes
settings = {"hidden": [16], "epochs": 20}
for optimizer, rate in {"sgd": 0.3, "signum": 0.003}.items():
    trainer = Trainer(
        (points, labels), classes=2, optimizer=optimizer, learning_rate=rate, **settings
    )
    *_, last = trainer.run()
    assert last.scores["train"].accuracy > 0.9, (optimizer, last)
"""


def test_the_code_of_the_page_prints_its_numbers() -> None:
    variables: dict[str, Any] = {}
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner()
    report: list[str] = []
    with np.printoptions():  # restores the options that the page sets
        for language, block in BLOCKS:
            if language == "pycon":
                test = parser.get_doctest(block, variables, PAGE.name, None, None)
                runner.run(test, out=report.append, clear_globs=False)
                variables = test.globs
    assert runner.tries > 40
    assert not runner.failures, "".join(report)


def test_each_number_of_the_text_is_in_the_code() -> None:
    computed = "".join(block for language, block in BLOCKS if language == "pycon")
    known = {float(number) for number in re.findall(r"\d+\.\d+", computed)}
    prose = re.sub(r"\]\(.*?\)+", "", PROSE)  # without the addresses of links
    numbers = re.findall(r"\d+\.\d+", prose)
    assert len(numbers) > 20
    assert [number for number in numbers if float(number) not in known] == []


def test_each_link_leads_to_its_function() -> None:
    links = re.findall(r"\[`([\w.]+)`\]\((\.\./[\w/]+\.py)\)", PROSE)
    assert len(links) > 40
    for name, path in links:
        source = (PAGE.parent / path).read_text(encoding="utf-8")
        for part in name.split("."):
            assert re.search(rf"^ *(def|class) {part}\b", source, re.MULTILINE), (name, path)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with a copy of the library."""
    shutil.copytree(
        ROOT / "network", tmp_path / "network", ignore=shutil.ignore_patterns("__pycache__")
    )
    return tmp_path


def test_each_change_applies_and_trains(copy: Path) -> None:
    for number, text in enumerate(DIFFS):
        (copy / f"{number}.diff").write_text(text, encoding="utf-8", newline="\n")
        assert len(re.findall(r"^\+\+\+ ", text, re.MULTILINE)) <= 2  # files
        run(copy, "git", "apply", f"{number}.diff")
    assert len(DIFFS) == 3
    run(copy, sys.executable, "-c", CHECK)


def run(folder: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
