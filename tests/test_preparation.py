"""Any pixels are prepared to images, or refused; paper, ink and light make no difference."""

from typing import Any

from stages.shared.datasets import Preparation

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from tests.drawings import FINE_PEN, MARKER, draw_digit, write, write_page
from tools import preparation
from tools.preparation import PREPARATIONS, Floats, Images, prepare_centred, prepare_framed

channels = st.sampled_from([3, 6])
colour = arrays.arrays(np.float64, 3, elements=st.floats(0, 1))


def digit() -> Floats:
    """An image as MNIST's are: 20 pixels high, its centre of mass at pixel 14."""
    image = np.zeros((28, 28))
    image[4:24, 13:17] = 1
    image[4:8, 9:17] = 1
    image[19:24, 9:19] = 1
    return image


def images_of(pixels: Floats) -> Images:
    """Return the images of a picture of which no mark is left out."""
    images, left_out = prepare_centred(pixels)
    assert not left_out
    return images


def paint(ink: NDArray[Any], paper: Floats | float = 1, pen: Floats | float = 0) -> Floats:
    """Return pixels (height, width, 3) of a picture of the ink."""
    pixels: Floats = paper + ink[..., None] * (pen - np.ones(3) * paper)
    return pixels


@st.composite
def pictures(draw: st.DrawFn) -> Floats:
    """Pixels of all kinds: noise, few or many colours, sharp edges, lines, specks."""
    shape = (draw(st.integers(1, 40)), draw(st.integers(1, 40)), draw(channels))
    levels = draw(st.lists(st.floats(0, 1), min_size=1, max_size=4))
    elements = st.one_of(st.sampled_from(levels), st.floats(0, 1))
    return draw(arrays.arrays(np.float64, shape, elements=elements, fill=st.sampled_from(levels)))


@given(pictures(), st.integers(1, 9), st.sampled_from(list(PREPARATIONS)))
def test_any_pixels_are_images_or_refused(pixels: Floats, times: int, name: Preparation) -> None:
    larger = np.repeat(np.repeat(pixels, times, axis=0), times, axis=1)
    try:
        images = PREPARATIONS[name](larger, lambda found: np.ones(len(found))).images
    except ValueError:
        return
    assert images.dtype == np.float32
    assert images.shape[1:] == (28, 28)
    assert ((images >= 0) & (images <= 1)).all()
    assert (images.max(axis=(1, 2)) > 0).all()


@given(colour, colour, st.integers(0, 8), st.integers(0, 8))
def test_place_and_colours_make_no_difference(
    paper: Floats, pen: Floats, top: int, left: int
) -> None:
    distance = np.sqrt(np.square(paper - pen).mean())
    ink = np.pad(digit(), ((top, 8 - top), (left, 8 - left)))
    if distance > 0.11:
        np.testing.assert_allclose(images_of(paint(ink, paper, pen)), [digit()], atol=1e-6)
    elif distance < 0.09:
        with pytest.raises(ValueError, match="nothing stands out"):
            images_of(paint(ink, paper, pen))


@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.floats(0.5, 1))
def test_light_makes_little_difference(down: float, right: float, level: float) -> None:
    ink = np.kron(np.pad(digit(), 6), np.ones((4, 4)))
    y, x = np.mgrid[-0.5:0.5:160j, -0.5:0.5:160j]
    light = level * (1 + down * y + right * x) / 1.8
    seen = images_of(paint(ink, 0.9, 0.1) * light[..., None])
    assert np.abs(seen - digit()).mean() < 0.02


@given(st.integers(56, 300), st.booleans())
def test_size_makes_little_difference(side: int, dark: bool) -> None:
    larger = preparation.fit(digit(), side)
    pixels = paint(larger, int(dark), int(not dark))
    assert np.abs(images_of(pixels) - digit()).mean() < 0.04


@pytest.mark.parametrize("name", range(10))
def test_thin_strokes_are_thickened_and_thick_ones_stay(name: int) -> None:
    random = np.random.default_rng(name)
    thin, thick = (images_of(paint(draw_digit(name, random, pen))) for pen in (FINE_PEN, MARKER))
    assert 1.9 < preparation.stroke_width(thin[0] > 0.5) < 3
    assert preparation.stroke_width(thick[0] > 0.5) > 2.5


@pytest.mark.parametrize(
    ("slope", "distance"), [(-15, 0.05), (15, 0.05), (-3, 0.2), (3, 0.6), (0, 0.05)]
)
def test_lines_are_read_at_any_slope_and_distance(slope: float, distance: float) -> None:
    page, inks = write_page([[0, 1, 2, 3], [4, 5, 6], [7, 8, 9, 0]], slope, distance)
    read = images_of(paint(page))
    for image, ink in zip(read, inks, strict=True):
        assert np.abs(image - images_of(paint(np.pad(ink, 20)))[0]).mean() < 0.03


def stack(*inks: Floats) -> Floats:
    """Put inks beside one another on one base, 20 pixels apart."""
    height = max(map(len, inks)) + 20
    return np.hstack([np.pad(ink, ((height - len(ink), 20), (10, 10))) for ink in inks])


def test_sizes_may_differ_by_a_factor_of_three() -> None:
    random = np.random.default_rng(0)
    sizes = [120, 50, 40, 50]
    read = images_of(paint(stack(*(write(7, size, size / 10, random) for size in sizes))))
    assert len(read) == 4


def test_smaller_marks_are_counted() -> None:
    random = np.random.default_rng(0)
    dot, dash = np.ones((12, 8)), np.ones((8, 40))
    ink = np.pad(stack(write(3, 120, 8, random), dot, dot, dot, dash), 30)
    images, left_out = prepare_centred(paint(ink), lambda _: np.arange(3.0))
    assert len(images) == 1
    assert left_out == "4 smaller marks left out"


def parts(*boxes: tuple[int, int, int, int]) -> Floats:
    ink = np.zeros((140, 140))
    for top, bottom, left, right in boxes:
        ink[top:bottom, left:right] = 1
    return ink


FOUR = parts((20, 70, 20, 30), (60, 70, 20, 55), (20, 120, 62, 72))
FIVE = parts(
    (20, 30, 52, 90), (35, 70, 40, 50), (60, 70, 40, 80), (60, 110, 70, 80), (110, 120, 30, 80)
)
ONES = parts((20, 120, 40, 50), (20, 120, 60, 70))
BROKEN_ONE = parts((20, 70, 60, 70), (74, 120, 60, 70))


@pytest.mark.parametrize("ink", [FOUR, FIVE, ONES, BROKEN_ONE], ids=["4", "5", "11", "broken 1"])
@pytest.mark.parametrize("likely", [True, False])
def test_parts_are_joined_where_one_digit_is_likelier(ink: Floats, likely: bool) -> None:
    def confidence(_: Images) -> Floats:  # for both parts as one, and for each
        return np.array([0.95 if likely else 0.4, 0.9, 0.9])

    expected = 1 if likely else 2 if ink is not FIVE else 1
    assert len(prepare_centred(paint(ink), confidence).images) == expected


def test_a_digit_at_the_edge_is_read() -> None:
    ink = write(4, 120, 12, np.random.default_rng(0))
    noisy = np.random.default_rng(0).normal(0, 0.05, (160, 160, 3))
    noisy += paint(np.pad(ink, ((0, 160 - len(ink)), (20, 140 - ink.shape[1]))), 0.8, 0.3)
    assert len(images_of(noisy.clip(0, 1))) == 1


def test_ruled_cells_are_no_digit() -> None:
    cells = np.pad(rulings(8, 241)[4:237, 4:237], 10)
    with pytest.raises(ValueError, match="nothing stands out from the paper but 1 grid"):
        prepare_centred(paint(cells))
    digits = np.kron(np.ones((32, 32)), np.pad(np.ones((5, 2)), ((1, 2), (3, 3))))
    with pytest.raises(ValueError, match="shows 1024 marks, must be at most 50"):
        prepare_centred(paint(digits))


# without any paper, a stroke along the border could be the table beside the paper
@pytest.mark.parametrize(("name", "margin"), [*((n, 1) for n in range(10)), (0, 0), (3, 0), (8, 0)])
def test_a_clean_picture_may_be_cut_out_closely(name: int, margin: int) -> None:
    ink = write(name, 100, 12, np.random.default_rng(name))
    whole, cut = np.pad(ink, 20), np.pad(preparation.crop(ink, ink > 0.5), margin)
    assert np.abs(images_of(paint(whole)) - images_of(paint(cut))).mean() < 0.01


def rulings(spacing: int, size: int = 120) -> Floats:
    ink = np.zeros((size, size))
    ink[spacing // 2 :: spacing] = ink[:, spacing // 2 :: spacing] = 1
    return ink


@pytest.mark.parametrize("strength", [0.15, 0.3, 0.5])
@pytest.mark.parametrize("spacing", [6, 10, 17])
def test_rulings_are_paper(strength: float, spacing: int) -> None:
    ink = np.kron(digit(), np.ones((4, 4)))
    lined = np.maximum(ink, strength * rulings(spacing, len(ink)))
    assert np.abs(images_of(paint(lined)) - digit()).mean() < 0.03
    with pytest.raises(ValueError, match="nothing stands out"):
        prepare_centred(paint(strength * rulings(spacing)))


def disc() -> Floats:
    y, x = np.mgrid[-50:50, -50:50]
    return np.where(x**2 + y**2 < 200, 1.0, 0.0)


@pytest.mark.parametrize(
    ("ink", "message"),
    [
        (np.zeros((50, 70)), "nothing stands out from the paper"),
        (np.random.default_rng(0).random((90, 90)), "nothing stands out from the paper and ends"),
        (np.pad(np.ones((3, 2)), 40), "nothing stands out from the paper but 1 smaller mark"),
        (np.pad(np.ones((6, 40)), 40), "nothing stands out from the paper but 1 flat mark"),
        (disc(), "nothing stands out from the paper but 1 blot"),
    ],
    ids=["blank", "noise", "speck", "dash", "blot"],
)
def test_a_mark_that_is_no_digit_is_refused(ink: Floats, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        prepare_centred(paint(ink))


greys: st.SearchStrategy[NDArray[np.uint8]] = arrays.arrays(np.uint8, (28, 28))


@given(greys, st.booleans())
def test_a_framed_image_is_unchanged(image: NDArray[np.uint8], dark: bool) -> None:
    image[0, 0] = image[0, -1] = image[-1, 0] = 0
    image[14, 14] = 255
    stored = 255 - image if dark else image
    pixels = np.repeat(stored[..., None] / 255, 3, axis=2)
    tolerance = 1e-6 if dark else 0
    np.testing.assert_allclose(
        prepare_framed(pixels).images,
        [image.astype(np.float32) / np.float32(255)],
        rtol=0,
        atol=tolerance,
    )


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 30), st.booleans())
def test_a_thing_is_fitted_into_the_frame(height: int, width: int, margin: int, dark: bool) -> None:
    thing = np.pad(np.full((height, width), 0.7), margin + 1)
    if thing.shape == (28, 28):
        return
    pixels = np.repeat((1 - thing if dark else thing)[..., None], 3, axis=2)
    (image,) = prepare_framed(pixels).images
    rows, columns = (np.flatnonzero(image.max(axis=axis) > 0.5) for axis in (1, 0))
    sides = len(rows), len(columns)
    assert max(sides) == 28
    assert min(sides) == max(1, int(28 * min(height, width) / max(height, width) + 0.5))
    assert abs(rows[0] - (27 - rows[-1])) <= 1
    assert abs(columns[0] - (27 - columns[-1])) <= 1


def test_an_empty_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing stands out"):
        prepare_framed(np.full((40, 40, 3), 0.8))


@given(arrays.arrays(np.int64, st.integers(1, 60), elements=st.integers(0, 255)))
def test_otsu_maximizes_the_variance_between_classes(values: NDArray[np.int64]) -> None:
    threshold, separability = preparation.otsu(values)

    def between(t: int) -> float:
        low, high = values[values <= t], values[values > t]
        if len(low) == 0 or len(high) == 0:
            return 0
        return float(len(low) * len(high) * (low.mean() - high.mean()) ** 2 / len(values) ** 2)

    best = max(map(between, range(256)))
    assert between(threshold) == pytest.approx(best)
    assert separability == pytest.approx(best / max(values.var(), 1e-9))


@pytest.mark.parametrize("width", [3, 5, 8, 13])
def test_the_width_of_a_stroke_is_measured(width: int) -> None:
    bar = np.zeros((60, 200), np.bool_)
    bar[20 : 20 + width, 5:195] = True
    assert preparation.stroke_width(bar) == pytest.approx(width, abs=0.5)
