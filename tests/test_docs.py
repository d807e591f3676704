"""The pages: the code, numbers and links of docs/mathematics.md; files and commands of all."""

import doctest
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from network import Network, SoftmaxCrossEntropy, one_hot
from network.optimizer import SGD

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md"))]
}
MATHEMATICS = PAGES["docs/mathematics.md"]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PROMPTS = "".join(block for language, block in BLOCK.findall(MATHEMATICS) if language == "pycon")
LOOP, ACTIVATION = [block for language, block in BLOCK.findall(MATHEMATICS) if language == "python"]


def test_the_code_of_the_mathematics_prints_its_numbers() -> None:
    test = doctest.DocTestParser().get_doctest(PROMPTS, {}, "mathematics.md", None, None)
    report: list[str] = []
    with np.printoptions():  # restores the options that the page sets
        results = doctest.DocTestRunner().run(test, out=report.append)
    assert results.attempted > 30
    assert not results.failed, "".join(report)


def test_each_number_of_the_mathematics_is_in_its_code() -> None:
    known = {float(number) for number in re.findall(r"\d+\.\d+", PROMPTS)}
    text = re.sub(r"\]\(.*?\)+", "", MATHEMATICS)  # without the addresses of links
    numbers = re.findall(r"\d+\.\d+", text)
    assert [number for number in numbers if float(number) not in known] == []


def test_each_link_of_the_mathematics_leads_to_its_function() -> None:
    links = re.findall(r"\[`([\w.]+)`\]\((\.\./[\w/]+\.py)\)", MATHEMATICS)
    assert len(links) > 20
    for name, path in links:
        source = (ROOT / "docs" / path).read_text(encoding="utf-8")
        for part in name.split("."):
            assert re.search(rf"^ *(def|class) {part}\b", source, re.MULTILINE), (name, path)


def test_the_loop_of_the_mathematics_is_that_of_the_library() -> None:
    source = (ROOT / "network/epochs.py").read_text(encoding="utf-8")
    assert LOOP.split() == re.sub(r"(?s).*(?=logits =)|step \+=.*", "", source).split()


def test_the_activation_of_the_mathematics_learns_what_no_line_separates() -> None:
    variables: dict[str, Any] = {"np": np}
    exec(ACTIVATION, variables)  # noqa: S102 - it is our own page
    layer, x = variables["Tanh"](), np.linspace(-2, 2, 5)
    slope = (layer.forward(x + 1e-6) - layer.forward(x - 1e-6)) / 2e-6
    layer.forward(x)
    np.testing.assert_allclose(layer.backward(3 * np.ones(5)), 3 * slope, rtol=1e-8)

    points, labels = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    network = Network([2, 8, 2], activation=variables["Tanh"])
    network.initialize(np.random.default_rng(0))
    loss, optimizer = SoftmaxCrossEntropy(), SGD(network)
    for _ in range(200):
        network.backward(loss.gradient(network.forward(points), one_hot(labels, 2)))
        optimizer.step(0.5)
    np.testing.assert_array_equal(network.predict(points), labels)


def anchors(page: str) -> set[str]:
    """Return the addresses that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", PAGES[page], re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_each_link_leads_somewhere(page: str) -> None:
    links = re.findall(r'(?:\]\(|src=")(?!https:|\.\./\.\./)([^#)"]*)#?([^)"]*)', PAGES[page])
    for path, anchor in links:
        target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        assert target.exists(), path
        if anchor:
            assert anchor in anchors(target.relative_to(ROOT).as_posix()), anchor


@pytest.mark.parametrize("page", PAGES)
def test_each_file_name_exists(page: str) -> None:
    folders = "|".join({path.name for path in ROOT.glob("[a-z]*/")} - {"data", "plots"})
    names = re.findall(rf"`((?:{folders})/[\w./]+)`", PAGES[page])
    names += [f"tests/{name}" for name in re.findall(r"\btest_\w+\.py", PAGES[page])]
    assert [name for name in names if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_each_command_exists(page: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"`make ([\w-]+)|^make ([\w-]+)", PAGES[page], re.MULTILINE)
    for target in map("".join, targets):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for module in re.findall(r"python -m ((?:stages|tools|tests|benchmarks)\.\w+)", PAGES[page]):
        assert find_spec(module), module


def test_the_commands_for_uv_are_those_of_continuous_integration() -> None:
    [commands] = re.findall(
        r"^```sh\n(uv venv\n.*?)^```$", PAGES["README.md"], re.MULTILINE | re.DOTALL
    )
    workflow = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    for command in commands.splitlines():
        assert f"- run: {command.partition('#')[0].rstrip()}" in workflow
