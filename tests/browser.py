"""The drawing board in a real browser: ``make test-browser``, after the pipeline has run.

``python -m tests.browser`` takes the picture of the board that the README shows.
"""

import base64
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from stages import board
from stages.shared.datasets import DATASETS
from stages.shared.files import Predictions, load_network, load_predictions

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from network.loss import softmax
from network.model import Network
from tools import pictures
from tools.preparation import prepare_centred

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--disable-gpu", "--disable-quic", "--disable-sync", "--disable-component-update"]
FASHION = list(DATASETS["fashion-mnist"].classes)

# points of strokes, in shares of the drawing area
DIGITS = {
    "1": [[(0.5, 0.15), (0.48, 0.85)]],
    "2": [[(0.3, 0.3), (0.4, 0.18), (0.6, 0.18), (0.68, 0.35), (0.3, 0.8), (0.74, 0.8)]],
    "4": [[(0.35, 0.2), (0.28, 0.52), (0.72, 0.5)], [(0.64, 0.18), (0.6, 0.85)]],
    "7": [[(0.28, 0.2), (0.72, 0.2), (0.45, 0.85)]],
}


@contextmanager
def launched() -> Iterator[Browser]:
    """Start the Chromium or Chrome that is installed."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    assert path, f"needs one of {', '.join(NAMES)}: apt-get install chromium"
    with sync_playwright() as playwright:
        # Chromium's sandbox does not work in a container
        launch = playwright.chromium.launch
        with launch(executable_path=path, args=FLAGS, chromium_sandbox=False) as browser:
            yield browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(autouse=True)
def _project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """The board of the pipeline's network."""
    with browser.new_context(has_touch=True) as context:
        yield from opened(context.new_page(), ROOT / "plots/board.html")


def opened(page: Page, path: Path) -> Iterator[Page]:
    """Open a page, and check at the end that it has loaded no file and logged no message."""
    requests, messages = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto(path.as_uri())
    yield page
    assert [url for url in requests if not url.startswith("data:")] == [path.as_uri()]
    assert messages == []


def draw(page: Page, strokes: Sequence[Sequence[tuple[float, float]]]) -> None:
    """Draw with the mouse."""
    page.locator("#board").scroll_into_view_if_needed()
    for stroke in strokes:
        points = [place(page, point) for point in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=6)
        page.mouse.up()
    settle(page)


def place(page: Page, point: tuple[float, float]) -> tuple[float, float]:
    box = page.locator("#board").bounding_box()
    assert box
    return box["x"] + point[0] * box["width"], box["y"] + point[1] * box["height"]


def settle(page: Page) -> None:
    """Wait for two frames: of the answer, and of its announcement."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def shown(page: Page) -> NDArray[np.float64]:
    """Return the probabilities, from the lengths of the bars."""
    script = "rows => rows.map((row) => Number(row.style.getPropertyValue('--p')))"
    return np.array(page.eval_on_selector_all(".class", script))


def expected(page: Page, network: Network, path: Path) -> Any:
    """Return the probabilities that the tools compute for the reduced copy, saved as a PNG file."""
    path.write_bytes(base64.b64decode(page.evaluate("copy.canvas.toDataURL()").partition(",")[2]))
    images = prepare_centred(pictures.read(path)).images
    z = network.logits(images[-1].reshape(1, -1))
    return softmax(z / page.evaluate("DATA.temperature"))[0]


@pytest.mark.parametrize("digit", DIGITS)
def test_a_digit_is_read_as_python_reads_it(digit: str, page: Page, tmp_path: Path) -> None:
    draw(page, DIGITS[digit])
    p = expected(page, load_network(), tmp_path / "drawn.png")
    np.testing.assert_allclose(shown(page), p, atol=1e-3)
    assert page.inner_text("#answer strong") == str(p.argmax()) == digit
    assert page.inner_text("#status").startswith(f"Most likely {digit}, ")
    assert page.is_hidden("#hint")


@pytest.mark.parametrize("hidden", [[], [1], [30, 7, 20, 5]])
def test_any_depth_and_any_classes(hidden: list[int], browser: Browser, tmp_path: Path) -> None:
    network = Network([784, *hidden, len(FASHION)])
    network.initialize(np.random.default_rng(0))
    x, labels = load_predictions().images[:99], np.arange(99, dtype=np.uint8) % len(FASHION)
    z = network.logits(x)
    test = Predictions(x, labels, softmax(z), FASHION)
    (tmp_path / "board.html").write_text(board.render(network, test), "utf-8")
    for page in opened(browser.new_page(), tmp_path / "board.html"):
        draw(page, DIGITS["4"])
        p = expected(page, network, tmp_path / "drawn.png")
        np.testing.assert_allclose(shown(page), p, atol=1e-3)
        assert page.inner_text("#answer strong").removesuffix("?") == FASHION[p.argmax()]
        assert page.locator(".units").count() == len(hidden)
        for unit in page.locator(".units").all():
            unit.click()
            assert page.inner_text("#unit-title").startswith("Unit ")
        page.close()


def test_a_finger_draws_like_the_mouse(page: Page) -> None:
    page.set_viewport_size({"width": 400, "height": 500})
    draw(page, DIGITS["7"])
    by_mouse = shown(page)
    page.click("#clear")
    page.evaluate("window.scrollTo(0, 60)")
    session = page.context.new_cdp_session(page)
    path = np.concatenate([np.linspace(*ends, 7) for ends in pairwise(DIGITS["7"][0])])
    for step, point in enumerate([*path.tolist(), None]):
        name = "touchEnd" if not point else "touchMove" if step else "touchStart"
        points = [dict(zip("xy", place(page, point), strict=True))] if point else []
        session.send("Input.dispatchTouchEvent", {"type": name, "touchPoints": points})
    settle(page)
    np.testing.assert_allclose(shown(page), by_mouse, atol=0.02)
    assert page.evaluate("window.scrollY") == 60


def test_a_stroke_does_not_break_off_where_the_page_is_selected(page: Page) -> None:
    draw(page, DIGITS["2"])
    p = shown(page)
    page.click("#clear")
    page.keyboard.press("Control+a")
    draw(page, DIGITS["2"])
    np.testing.assert_array_equal(shown(page), p)


def test_each_of_several_digits_is_chosen_and_inspected(page: Page) -> None:
    small = [
        [((x + third) / 3, 0.3 + y / 3) for x, y in stroke]
        for third, digit in enumerate("274")
        for stroke in DIGITS[digit]
    ]
    page.click("[aria-label='Thin pen']")
    draw(page, small)
    buttons = page.locator("#marks button")
    assert buttons.all_inner_texts() == ["2", "7", "4"]
    for button in buttons.all():
        button.click()
        assert button.get_attribute("aria-pressed") == "true"
        assert page.inner_text("#unit-title") == f"Class {button.inner_text()}"
        assert shown(page).argmax() == int(button.inner_text())
    page.touchscreen.tap(*place(page, (0.95, 0.95)))
    settle(page)
    assert buttons.all_inner_texts() == ["2", "7", "4"]
    assert page.inner_text("#second").endswith("; 1 smaller mark left out")


def test_a_class_that_is_not_likely_is_probably_no_digit(page: Page) -> None:
    page.evaluate("DATA.likely = 1.1")
    draw(page, DIGITS["2"])
    assert page.inner_text("#answer strong") == "2?"
    assert page.inner_text("#verdict").lower().startswith("probably no digit (")


@pytest.mark.parametrize("width", [360, 800, 1280])
def test_a_tap_pins_its_unit_beside_the_panel(width: int, page: Page) -> None:
    page.set_viewport_size({"width": width, "height": 640})
    draw(page, DIGITS["2"])
    grid = page.locator(".units").first
    grid.scroll_into_view_if_needed()
    for unit in (1, 42):
        box = grid.bounding_box()
        assert box
        cell = box["width"] / 8
        assert cell >= 24  # WCAG 2.2, 2.5.8
        x, y = unit % 8, unit // 8
        page.touchscreen.tap(box["x"] + (x + 0.5) * cell, box["y"] + (y + 0.5) * cell)
        settle(page)
        assert page.inner_text("#unit-title") == f"Unit {unit + 1} of layer 1"
        pictures, grid_box = page.locator("#weights").bounding_box(), grid.bounding_box()
        assert pictures
        assert grid_box
        assert 0 <= grid_box["y"] < pictures["y"] < 640
    page.click("#unpin")
    page.mouse.move(1, 1)
    assert page.inner_text("#unit-title") == "Class 2"


def test_the_parts_of_a_sum_add_up(page: Page) -> None:
    draw(page, DIGITS["4"])
    for button in page.locator(".class").all():
        button.hover()
        text = page.inner_text("#sum").replace("−", "-").replace("- ", "-").replace("+ ", "")
        first, second, total = map(float, re.findall(r"-?\d+\.\d\d(?!\d)", text)[:3])
        assert round(first + second, 2) == total


def test_strokes_are_undone_and_cleared(page: Page) -> None:
    assert page.locator("#undo").is_disabled()
    draw(page, DIGITS["4"][:1])
    first = shown(page)
    draw(page, DIGITS["4"][1:])
    second = shown(page)
    page.keyboard.press("Control+z")
    settle(page)
    np.testing.assert_array_equal(shown(page), first)
    draw(page, DIGITS["4"][1:])
    page.click("#clear")
    settle(page)
    assert page.inner_text("#status") == "No answer: nothing drawn yet."
    assert not shown(page).any()
    page.click("#undo")
    settle(page)
    np.testing.assert_array_equal(shown(page), second)


def test_the_keyboard_draws_and_explores(page: Page) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "board"
    for _ in range(9):
        page.keyboard.press("ArrowUp")
    for _ in range(18):
        page.keyboard.press("Shift+ArrowDown")
    settle(page)
    assert page.inner_text("#status").startswith("Most likely 1, ")
    page.keyboard.press("Backspace")
    settle(page)
    assert page.inner_text("#status") == "No answer: nothing drawn yet."

    page.focus(".units")
    page.keyboard.press("End")
    units = len(load_network().state_dict()["b1"])
    assert page.inner_text("#unit-title") == f"Unit {units} of layer 1"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.evaluate("document.activeElement.blur()")
    assert page.inner_text("#unit-title") == f"Unit {units - 1} of layer 1"
    assert page.get_attribute(".units", "aria-valuenow") == str(units - 1)


def test_a_test_image_is_shown_as_it_is(page: Page) -> None:
    samples = board.content(load_network(), load_predictions())["samples"]
    for button, sample in zip(page.locator(".sample").all(), samples, strict=True):
        button.click()
        settle(page)
        x = np.frombuffer(base64.b64decode(sample["pixels"]), np.uint8) / 255
        z = load_network().logits(x[None])
        p = softmax(z / page.evaluate("DATA.temperature"))[0]
        np.testing.assert_allclose(shown(page), p, atol=1e-3)
        assert shown(page).argmax() == sample["predicted"]
    draw(page, DIGITS["1"])
    assert page.inner_text("#answer strong") == "1"


@pytest.mark.parametrize("width", [360, 800, 1280, 1600])
def test_it_fits(width: int, page: Page) -> None:
    page.set_viewport_size(ViewportSize(width=width, height=640))
    draw(page, DIGITS["2"])
    boxes = [page.locator(name).bounding_box() for name in ("#answer", ".paper")]
    assert all(box and box["y"] >= 0 and box["y"] + box["height"] <= 640 for box in boxes)
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("text", ["ink", "faint", "wrong"])
def test_text_is_readable(theme: Any, text: str, page: Page) -> None:
    page.emulate_media(color_scheme=theme)
    for ground in ("paper", "card"):
        a, b = (luminance(page.evaluate(f"color('{name}')")) for name in (text, ground))
        assert (max(a, b) + 0.05) / (min(a, b) + 0.05) >= 4.5  # WCAG 2.2, 1.4.3


def luminance(color: str) -> float:
    """Return the relative luminance of a color #rrggbb, as WCAG 2.2 defines it."""
    c = np.array([*bytes.fromhex(color.strip().removeprefix("#"))]) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


if __name__ == "__main__":
    turns = np.linspace(1.05 * np.pi, 2.2 * np.pi, 30)
    two = [(0.5 + 0.2 * np.cos(turn), 0.34 + 0.2 * np.sin(turn)) for turn in turns]
    foot = [(0.3, 0.8), (0.42, 0.77), (0.55, 0.8), (0.74, 0.79)]
    with launched() as chromium:
        for drawn in opened(chromium.new_page(), ROOT / "plots/board.html"):
            drawn.set_viewport_size({"width": 1440, "height": 900})
            draw(drawn, [[*two, *foot]])
            drawn.screenshot(path=ROOT / "docs/board.png")
