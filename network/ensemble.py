"""An ensemble: the mean of the logits of several networks."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from network.arrays import Floats
from network.model import Network


class Ensemble:
    """Networks of the same sizes, whose logits are averaged: z = Σ_k z_k / K.

    The softmax of the mean is the normalized geometric mean of the members' probabilities. The
    cross-entropy is convex in the logits, so that of the ensemble is at most the mean of the
    members'.
    Source: Heskes, "Selecting Weighting Factors in Logarithmic Opinion Pools", NIPS 1997.

    Parameters
    ----------
    members : at least one network, all of the same sizes, float32

    Attributes
    ----------
    members : as given
    sizes : of each member
    """

    def __init__(self, members: Sequence[Network]) -> None:
        self.members = tuple(members)
        self.sizes = self.members[0].sizes

    def logits(self, x: NDArray[Any]) -> Floats:
        """Return the mean of the members' logits (rows, classes) of x (rows, inputs).

        Raises
        ------
        ValueError
            if x is not of real numbers, or not of this shape
        """
        total = self.members[0].logits(x)
        for member in self.members[1:]:
            total += member.logits(x)
        return np.divide(total, len(self.members), total)

    def copy(self) -> "Ensemble":
        """Return an ensemble with the same parameters, in arrays of its own, without dropout."""
        other = Ensemble([Network(self.sizes) for _ in self.members])
        other.assign(self)
        return other

    def assign(self, other: "Ensemble") -> None:
        """Take over the parameters of an ensemble of the same sizes."""
        for own, theirs in zip(self.members, other.members, strict=True):
            own.parameters[:] = theirs.parameters

    def merge(self) -> Network:
        """Return one network with the same logits, up to rounding; a single member as it is.

        Each hidden layer holds the units of all members side by side. They see the same input, so
        W1 of the network is [W1 of member 1, W1 of member 2, …]. A member's units are not connected
        with another member's, so the blocks of W2 and so on stand on the diagonal, and all else is
        0. The output layer adds the members up, and so its weights and biases are divided by their
        number. Without a hidden layer, the weights and biases are averaged.
        """
        if len(self.members) == 1:
            return self.members[0]
        count = len(self.members)
        inputs, *hidden, classes = self.sizes
        merged = Network([inputs, *(count * units for units in hidden), classes])
        arrays = merged.state_dict()
        last = len(self.sizes) - 1
        for position, member in enumerate(self.members):
            parts = member.state_dict()
            for layer, (fan_in, fan_out) in enumerate(pairwise(self.sizes), start=1):
                inward = slice(None) if layer == 1 else _block(position, fan_in)
                outward = slice(None) if layer == last else _block(position, fan_out)
                share = 1 / count if layer == last else 1
                arrays[f"W{layer}"][inward, outward] += share * parts[f"W{layer}"]
                arrays[f"b{layer}"][outward] += share * parts[f"b{layer}"]
        return merged


def _block(position: int, size: int) -> slice:
    return slice(position * size, (position + 1) * size)
