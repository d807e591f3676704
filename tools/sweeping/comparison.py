"""Comparison of settings that have been run with the same seeds."""

from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

CONFIDENCE = 0.95
MOST_SEEDS = 10_000


class Row(NamedTuple):
    """A setting, compared with the best one.

    Attributes
    ----------
    setting : str
    values : list of float
        one per seed
    differences : list of float
        from the best setting's values, for the seeds that both have
    margin : float or None
        half the width of the confidence interval around the mean of the differences; none for the
        best, and for fewer than two seeds
    """

    setting: str
    values: list[float]
    differences: list[float]
    margin: float | None

    @property
    def is_worse(self) -> bool:
        """Whether the whole interval is below zero."""
        return self.margin is not None and mean(self.differences) + self.margin < 0


def compare(results: Mapping[str, Mapping[int, float]]) -> list[Row]:
    """Compare each setting with the best one, by paired differences.

    The interval is Student's for paired samples [1]_, mean ± t s / √n with n - 1 degrees of
    freedom, and corrected by Bonferroni's inequality [2]_: t is its quantile for an error of
    (1 - confidence) / m. The best is chosen by the values that are compared, so m is the number of
    all pairs, k (k - 1) / 2 for k settings: whichever setting is the best, its intervals are among
    those that hold simultaneously with that confidence. Dunnett's test of many against one assumes
    a control that is chosen beforehand, independent samples and one variance for all, and none of
    these holds here.

    Parameters
    ----------
    results
        from settings to seeds to values; larger is better

    Returns
    -------
    list of Row
        the one with the largest mean first

    References
    ----------
    .. [1] Student (1908), The probable error of a mean. https://doi.org/10.2307/2331554
    .. [2] Dunn (1961), Multiple comparisons among means.
       https://doi.org/10.1080/01621459.1961.10482090
    """
    ranked = sorted(results, key=lambda setting: -mean(results[setting].values()))
    best = results[ranked[0]]
    rows = [Row(ranked[0], list(best.values()), [], None)]
    for setting in ranked[1:]:
        values = results[setting]
        differences = [values[seed] - best[seed] for seed in values if seed in best]
        margin = None
        if len(differences) > 1:
            spread = stdev(differences)
            margin = float(_half_width(spread, len(differences), _pairs(len(ranked))))
        rows.append(Row(setting, list(values.values()), differences, margin))
    return rows


def seeds_for(rows: Sequence[Row], margin: float) -> int | None:
    """Return the number of seeds for which every interval would have at most a margin.

    All differences are taken to spread as those that spread most.

    Returns
    -------
    int or None
        none if no setting has two differences, or if the number is above ``MOST_SEEDS``
    """
    spreads = [stdev(row.differences) for row in rows if len(row.differences) > 1]
    if not spreads:
        return None
    seeds = np.arange(2, MOST_SEEDS + 1)
    enough = seeds[_half_width(max(spreads), seeds, _pairs(len(rows))) <= margin]
    return int(enough[0]) if enough.size else None


def _pairs(settings: int) -> int:
    return settings * (settings - 1) // 2


def _half_width(
    deviation: float, seeds: NDArray[np.int_] | int, comparisons: int
) -> NDArray[np.float64]:
    quantile = stats.t.isf((1 - CONFIDENCE) / 2 / comparisons, np.subtract(seeds, 1))
    return np.asarray(quantile * deviation / np.sqrt(seeds))
