"""Papers for the tests: each makes a picture of ink, with light, rulings and noise at random."""

import io
from collections.abc import Callable
from functools import partial

import numpy as np
from PIL import Image

from tests.drawings import Floats, Random

Paper = Callable[[Floats, Random], Image.Image]
Shape = tuple[int, int]


def smooth(shape: Shape, random: Random, cells: int = 4) -> Floats:
    """Return a smooth random field in [0, 1]."""
    coarse = random.random((cells, cells)).astype(np.float32)
    field = Image.fromarray(coarse).resize(shape[::-1], Image.Resampling.BICUBIC)
    return np.asarray(field, float).clip(0, 1)


def ramp(shape: Shape, random: Random) -> Floats:
    """Return a field that grows from 0 to 1 in a random direction."""
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    angle = random.uniform(0, 2 * np.pi)
    field: Floats = np.cos(angle) * x + np.sin(angle) * y
    field -= field.min()
    field /= field.max()
    return field


def shadow(shape: Shape, random: Random) -> Floats:
    """Return the light that the shadow of something leaves; its edge is more or less sharp."""
    edge = random.uniform(0.3, 0.7) + 0.08 * np.sin(6 * ramp(shape, random) + random.uniform(0, 6))
    softness = random.uniform(0.005, 0.1)
    dark = 1 / (1 + np.exp(np.clip((edge - ramp(shape, random)) / softness * 4, -50, 50)))
    return 1 - random.uniform(0.3, 0.6) * dark


def rulings(shape: Shape, random: Random) -> Floats:
    """Return how much ink (height, width) squared or lined paper has of its own."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    angle = random.uniform(-0.05, 0.05)
    spacing = random.uniform(0.06, 0.2) * min(shape)
    width = max(1.0, random.uniform(0.02, 0.06) * spacing)
    across = [y * np.cos(angle) + x * np.sin(angle), x * np.cos(angle) - y * np.sin(angle)]
    lines = np.zeros(shape)
    for position in across[: random.integers(1, 3)]:
        distance = np.abs((position + random.uniform(0, spacing)) % spacing - spacing / 2)
        lines = np.maximum(lines, np.clip(width / 2 + 0.5 - distance, 0, 1))
    return lines


def paint(
    ink: Floats,
    random: Random,
    *,
    light: Floats | float = 1,
    lines: Floats | float = 0,
    noise: float = 0,
) -> Image.Image:
    """Put dark ink on light paper under that light, and take it with that much noise."""
    paper = random.uniform(0.85, 1) + random.uniform(-0.05, 0, 3)
    dye = random.uniform(0, 0.3) + random.uniform(0, 0.15, 3) * [1, 1, 2]
    rule = paper - random.uniform(0.12, 0.45) * np.array([1, random.uniform(0.6, 1), 0.5])
    layers = np.broadcast_to(paper, (*ink.shape, 3))
    for cover, colour in [(lines, rule), (ink, dye)]:
        layers = layers + np.expand_dims(cover, -1) * (colour - layers)
    seen = layers * np.expand_dims(light, -1) + random.normal(0, noise, layers.shape)
    return as_picture(seen)


def as_picture(pixels: Floats) -> Image.Image:
    """Make a picture of pixels in [0, 1]."""
    return Image.fromarray(np.rint(255 * np.clip(pixels, 0, 1)).astype(np.uint8))


def photograph(ink: Floats, random: Random, *, lined: bool = False) -> Image.Image:
    """Return a photograph: shading, a shadow, darker corners, a little blur, noise, compression."""
    shape = ink.shape
    soft = Image.fromarray(ink.astype(np.float32)).resize(
        tuple((np.array(shape[::-1]) * random.uniform(0.5, 1)).astype(int)),
        Image.Resampling.BOX,
    )
    ink = np.asarray(soft.resize(shape[::-1], Image.Resampling.BILINEAR), float)
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    light = shadow(shape, random) if random.random() < 0.5 else np.ones(shape)
    light *= 1 - random.uniform(0, 0.4) * ramp(shape, random)
    light *= 1 - random.uniform(0, 0.15) * (x**2 + y**2)
    light *= 0.7 + 0.3 * smooth(shape, random)
    lines = rulings(shape, random) if lined else 0.0
    picture = paint(ink, random, light=light, lines=lines, noise=random.uniform(0.01, 0.04))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=int(random.integers(40, 90)))
    return Image.open(file)


def chalk(ink: Floats, random: Random) -> Image.Image:
    """Return chalk, which covers in grains, on a board that was wiped."""
    board = np.array([0.12, 0.2, 0.17]) * random.uniform(0.6, 1.5)
    grains = smooth(ink.shape, random, max(ink.shape) // 3)
    cover = ink * np.clip(0.25 + 1.5 * grains, 0, 1) * random.uniform(0.7, 0.95)
    dust = 0.25 * smooth(ink.shape, random, 6) * random.random()
    light = 1 - random.uniform(0, 0.4) * ramp(ink.shape, random)
    seen = board + np.expand_dims(np.maximum(cover, dust), -1) * (0.95 - board)
    seen = seen * np.expand_dims(light, -1) + random.normal(0, 0.015, seen.shape)
    return as_picture(seen)


def transparent(ink: Floats, random: Random) -> Image.Image:
    """Return white ink on nothing, as drawing programs export it."""
    picture = Image.new("RGBA", ink.shape[::-1], "white" if random.random() < 0.7 else "red")
    picture.putalpha(as_picture(ink))
    return picture


def red_on_green(ink: Floats, random: Random) -> Image.Image:
    """Return red on a green of the same luminance, or the other way round."""
    colours = np.array([[0.8, 0.15, 0.15], [0.1, 0.46, 0.1]])
    paper, dye = random.permutation(colours)
    return as_picture(paper + ink[..., None] * (dye - paper))


PAPERS: dict[str, Paper] = {
    "plain": paint,
    "photograph": photograph,
    "notebook": partial(photograph, lined=True),
    "chalk": chalk,
    "transparent": transparent,
    "red on green": red_on_green,
}
