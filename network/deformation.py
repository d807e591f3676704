"""Deformed images: each pixel takes its value from a place that is moved at random.

The pixel at u = (x, y), in pixels from the centre of an image, x to the right and y downwards,
takes the value that the image has at

    p(u) = A u + t + D(u),

where A rotates, scales and shears, t shifts, and D is a smooth random field. A network that is
trained on a new deformation of each image in each epoch learns that none changes the label.
Source: Simard, Steinkraus & Platt, "Best Practices for Convolutional Neural Networks Applied to
Visual Document Analysis", ICDAR 2003, section 2.
"""

import math
from collections.abc import Sequence

import numpy as np

from network.arrays import Floats

NODES = 7


class Deformation:
    """Deform each image by an affine map and a smooth field, drawn at random for each.

    p is linear in A, t and the values of D at the nodes of a grid. So the places of all pixels are
    one matrix product of these numbers, drawn for each image, with a fixed basis.

    Parameters
    ----------
    pixels : number of pixels of an image, side * side
    rotation : in degrees; the angle is uniform in ± rotation
    scale : width and height are scaled by exp(s), each s uniform in ± scale
    shear : x changes by y times a factor that is uniform in ± shear
    shift : in pixels; x and y change by numbers uniform in ± shift
    elastic : in pixels, the standard deviation of D in x and in y, at every pixel

    Raises
    ------
    ValueError
        if the number of pixels is not a square
    """

    BLOCK_ROWS = 128

    def __init__(
        self,
        pixels: int,
        *,
        rotation: float = 0,
        scale: float = 0,
        shear: float = 0,
        shift: float = 0,
        elastic: float = 0,
    ) -> None:
        self._side = math.isqrt(pixels)
        if self._side**2 != pixels:
            raise ValueError(f"images: must be square, have {pixels} pixels")
        limits = [math.radians(rotation), scale, scale, shear, shift, shift]
        self._limits = np.array(limits, np.float32)
        # a number that is uniform in ±√3 has the variance 1
        self._elastic = np.float32(math.sqrt(3) * elastic)
        self._nodes = NODES**2 if elastic else 0
        elastic_part = elastic_basis(self._side)[: self._nodes]
        self._basis = np.concatenate([affine_basis(self._side), elastic_part])

    def __call__(self, images: Floats, generator: np.random.Generator) -> Floats:
        """Deform each image, with newly drawn numbers; outside its frame an image is 0.

        Parameters
        ----------
        images : (n, side * side), float32 in [0, 1], as are those returned
        generator : used in the order of the images
        """
        deformed = np.empty_like(images)
        # in blocks, so that the intermediate arrays stay in the processor's cache
        for start in range(0, len(images), self.BLOCK_ROWS):
            block = images[start : start + self.BLOCK_ROWS]
            places = self._draw(len(block), generator) @ self._basis
            deformed[start : start + self.BLOCK_ROWS] = bilinear(block, places)
        return deformed

    def _draw(self, n: int, generator: np.random.Generator) -> Floats:
        """Draw A, t and the values of D at the nodes, as factors of the basis: (2, n, basis)."""
        draws = 2 * generator.random((n, 6 + 2 * self._nodes), np.float32) - 1
        angle, a, b, shear, *shift = (self._limits * draws[:, :6]).T
        maps = affine_maps(angle, np.exp(a), np.exp(b), shear, shift)
        field = self._elastic * draws[:, 6:].reshape(n, 2, self._nodes)
        return np.concatenate([maps, field.swapaxes(0, 1)], axis=2)


def affine_maps(
    angle: Floats, width: Floats, height: Floats, shear: Floats, shift: Sequence[Floats]
) -> Floats:
    """Return the rows of [A t], for x and for y, of n maps: (2, n, 3).

    A = R(angle) [[1, shear], [0, 1]] diag(width, height), with the rotation R, and t = shift. Each
    number is an array (n,), the angle in radians.
    """
    cos, sin = np.cos(angle), np.sin(angle)
    x = [cos * width, (cos * shear - sin) * height, shift[0]]
    y = [sin * width, (sin * shear + cos) * height, shift[1]]
    return np.array([x, y]).swapaxes(1, 2)


def affine_basis(side: int) -> Floats:
    """Return x, y and 1 at every pixel: (3, side * side), float32."""
    centred = np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2)
    x, y = np.tile(centred, side), np.repeat(centred, side)
    return np.stack([x, y, np.ones_like(x)])


def elastic_basis(side: int) -> Floats:
    """Return the weight of each grid node in D, at every pixel: (nodes, side * side), float32.

    D(u) = Σ_nodes B(u) r / √Σ_nodes B(u)², with a random number r at each node and
    B(u) = exp(-|u - node|² / 2 d²), d being the distance between nodes. So D has the variance of r
    everywhere. In 28 × 28 pixels d is 4, and D approximates the field of Simard et al., who draw a
    number at each pixel and smooth with a Gaussian of 4 pixels, with a sixteenth of the numbers.
    """
    distance = side / NODES
    pixels = np.arange(side, dtype=np.float32)[:, None]
    nodes = (np.arange(NODES, dtype=np.float32) + 0.5) * distance - 0.5
    spread = np.exp(-(((pixels - nodes) / distance) ** 2) / 2)  # along one axis
    spread /= np.linalg.norm(spread, axis=1, keepdims=True)
    basis: Floats = np.einsum("yj,xi->jiyx", spread, spread).reshape(NODES**2, side**2)
    return basis


def bilinear(images: Floats, places: Floats) -> Floats:
    """Return the values of images at places between their pixels, by bilinear interpolation.

    At (x, y) with the fractions f of x and g of y, between pixels a, b above and c, d below, it is

        (1 - g) ((1 - f) a + f b) + g ((1 - f) c + f d),

    which is never outside [0, 1] if the pixels are not, even when rounded.

    Parameters
    ----------
    images : (n, side * side), float32, as are the values
    places : (2, n, side * side), float32, x and y from the centre of an image; overwritten
    """
    n, side = len(images), math.isqrt(images.shape[1])
    width = side + 3  # one zero before, two behind
    padded = np.zeros((n, width, width), np.float32)
    padded[:, 1:-2, 1:-2] = images.reshape(n, side, side)
    pixels = padded.reshape(-1)

    # in place, which is faster than new arrays
    places += np.float32((side + 1) / 2)
    np.clip(places, 0, side + 1, out=places)
    floors = np.floor(places)
    places -= floors
    (x, y), (f, g) = floors, places
    first = (x + width * y).astype(np.intp)  # exact in float32: below 2²⁴
    first += width**2 * np.arange(n)[:, None]
    a, b, c, d = (pixels[offset:].take(first, mode="clip") for offset in (0, 1, width, width + 1))
    values: Floats = (1 - g) * ((1 - f) * a + f * b) + g * ((1 - f) * c + f * d)
    return values
