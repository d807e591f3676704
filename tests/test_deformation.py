"""Deformed images: known maps of known images, and properties of every map."""

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from network.arrays import Floats
from network.deformation import Deformation, affine_basis, affine_maps, bilinear, elastic_basis
from network.limits import LIMITS

SIDE = 28
STRONG = {"rotation": 15, "scale": 0.15, "shear": 0.25, "shift": 1.6, "elastic": 1.0}

parameters = st.fixed_dictionaries({name: st.floats(0, LIMITS[name]["le"]) for name in STRONG})


def noise(n: int, side: int, seed: int = 0) -> Floats:
    """Return images of random pixels, many of them 0 or 1."""
    values = np.random.default_rng(seed).uniform(-1, 2, (n, side * side))
    return values.clip(0, 1).astype(np.float32)


def mapped(images: Floats, **known: float) -> Floats:
    """Return the images under one known affine map."""
    names = {"angle": 0, "width": 1, "height": 1, "shear": 0, "x": 0, "y": 0}
    values = [
        np.full(len(images), known.get(name, default), np.float32)
        for name, default in names.items()
    ]
    angle, width, height, shear, *shift = values
    maps = affine_maps(angle, width, height, shear, shift)
    return bilinear(images, maps @ affine_basis(math.isqrt(images.shape[1])))


def deformed(images: Floats, limits: Mapping[str, float], seed: int = 0) -> Floats:
    return Deformation(images.shape[1], **limits)(images, np.random.default_rng(seed))


def places(n: int, **limits: float) -> Floats:
    """Return p(u) of n deformations at pixels near the centre: (n, 2, pixels).

    Bilinear sampling is exact where values rise by the same step from pixel to pixel, so that a
    ramp from left to right shows x, and one from top to bottom y.
    """
    x, y, _ = affine_basis(SIDE)
    shown = []
    for ramp in (x, y):
        values = deformed(np.tile(ramp / SIDE + np.float32(0.5), (n, 1)), limits)
        shown.append((values - 0.5) * SIDE)
    return np.stack(shown, axis=1)[:, :, near_centre()]


def near_centre() -> NDArray[np.bool_]:
    x, y, _ = affine_basis(SIDE)
    near: NDArray[np.bool_] = np.maximum(abs(x), abs(y)) < 5
    return near


@given(
    parameters=parameters, n=st.integers(0, 70), side=st.integers(1, 40), seed=st.integers(0, 100)
)
def test_any_deformation_gives_images(
    parameters: dict[str, float], n: int, side: int, seed: int
) -> None:
    images = noise(n, side, seed)
    before = images.copy()
    result = deformed(images, parameters, seed)
    assert result.shape == images.shape
    assert result.dtype == np.float32
    assert ((result >= 0) & (result <= 1)).all()
    assert (images == before).all()
    assert (deformed(images, {}, seed) == images).all()  # without limits
    np.testing.assert_array_equal(deformed(images, parameters, seed), result)


@pytest.mark.parametrize("rows", [1, 3, 33, 100])
def test_the_size_of_the_blocks_changes_nothing(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    images = noise(70, SIDE)
    expected = deformed(images, STRONG)
    monkeypatch.setattr(Deformation, "BLOCK_ROWS", rows)
    np.testing.assert_allclose(deformed(images, STRONG), expected, atol=1e-4)


@given(x=st.integers(-40, 40), y=st.integers(-40, 40), side=st.integers(1, 30))
def test_a_shift_by_whole_pixels_moves_them_and_fills_with_zeros(x: int, y: int, side: int) -> None:
    images = noise(2, side)
    frame = np.pad(images.reshape(2, side, side), [(0, 0), (40, 40), (40, 40)])
    expected = frame[:, 40 + y : 40 + y + side, 40 + x : 40 + x + side].reshape(2, -1)
    np.testing.assert_array_equal(mapped(images, x=x, y=y), expected)


def test_half_a_pixel_is_the_mean_of_two() -> None:
    images = noise(2, SIDE).reshape(2, SIDE, SIDE)
    shifted = mapped(images.reshape(2, -1), x=0.5).reshape(2, SIDE, SIDE)
    np.testing.assert_allclose(shifted[:, :, :-1], (images[:, :, 1:] + images[:, :, :-1]) / 2)
    np.testing.assert_allclose(shifted[:, :, -1], images[:, :, -1] / 2)


def test_a_known_map_of_a_known_image() -> None:
    cos, sin = math.cos(0.5), math.sin(0.5)
    matrix = np.array([[cos, -sin], [sin, cos]]) @ [[1, 0.4], [0, 1]] @ np.diag([1.3, 0.8])
    x, y, _ = affine_basis(SIDE)
    u, v = matrix @ [x, y] + [[1.4], [-2.2]]
    # a smooth function of the plane that every rotation, scale and shear changes
    image, expected = np.exp(-(x**2 + 3 * y**2) / 50), np.exp(-(u**2 + 3 * v**2) / 50)
    known = {"angle": 0.5, "shear": 0.4, "width": 1.3, "height": 0.8, "x": 1.4, "y": -2.2}
    np.testing.assert_allclose(mapped(image[None], **known)[0], expected, atol=0.02)


def test_affine_parameters_fill_their_limits() -> None:
    limits = {"rotation": 12.0, "scale": 0.1, "shear": 0.2, "shift": 1.5}
    basis = affine_basis(SIDE)[:, near_centre()]
    maps = places(2000, **limits) @ np.linalg.pinv(basis)  # [A t], by least squares
    (a, b, x), (c, d, y) = maps.transpose(1, 2, 0)
    width, determinant = np.hypot(a, c), a * d - b * c
    drawn = {
        "rotation": [np.degrees(np.arctan2(c, a))],
        "scale": [np.log(width), np.log(determinant / width)],
        "shear": [(a * b + c * d) / determinant],
        "shift": [x, y],
    }
    for name, limit in limits.items():
        for values in drawn[name]:
            assert abs(values).max() <= limit * 1.001
            quartiles = np.quantile(values, [0, 0.25, 0.5, 0.75, 1])
            np.testing.assert_allclose(quartiles / limit, [-1, -0.5, 0, 0.5, 1], atol=0.08)
    independent = np.corrcoef([values for pair in drawn.values() for values in pair])
    np.testing.assert_allclose(independent, np.eye(6), atol=0.12)


def test_the_elastic_field_is_smooth_and_has_its_deviation_everywhere() -> None:
    x, y, _ = affine_basis(SIDE)[:, near_centre()]
    field = places(4000, elastic=0.8) - np.stack([x, y])
    np.testing.assert_allclose(field.std(axis=0), 0.8, rtol=0.06)
    np.testing.assert_allclose(field.mean(axis=0), 0, atol=0.06)
    grid = field.reshape(4000, 2, 10, 10)
    # the correlation over k pixels of noise spread by a Gaussian of 4: exp(-k² / 4 4²)
    for k in (1, 4, 8):
        products = [grid[..., k:] * grid[..., :-k], grid[..., k:, :] * grid[..., :-k, :]]
        correlation = np.mean([product.mean() for product in products]) / 0.8**2
        assert correlation == pytest.approx(np.exp(-(k**2) / 64), abs=0.03)
    assert abs((field[:, 0] * field[:, 1]).mean()) < 0.02
    np.testing.assert_allclose((elastic_basis(SIDE) ** 2).sum(axis=0), 1, rtol=1e-6)
