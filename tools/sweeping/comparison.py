"""Comparison of settings that have been run with the same seeds."""

from collections.abc import Mapping
from statistics import mean, stdev
from typing import NamedTuple

from scipy import stats

CONFIDENCE = 0.95


class Row(NamedTuple):
    """A setting, compared with the best one.

    Attributes
    ----------
    setting : str
    values : list of float
        one per seed
    difference : float or None
        mean difference from the best setting's values, over the seeds that both have; none for the
        best
    margin : float or None
        half the width of the confidence interval around the difference; none for fewer than two
        seeds
    """

    setting: str
    values: list[float]
    difference: float | None
    margin: float | None

    @property
    def is_worse(self) -> bool:
        """Whether the whole interval is below zero."""
        if self.difference is None or self.margin is None:
            return False
        return self.difference + self.margin < 0


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
    rows = [Row(ranked[0], list(best.values()), None, None)]
    for setting in ranked[1:]:
        values = results[setting]
        differences = [values[seed] - best[seed] for seed in values if seed in best]
        difference = mean(differences) if differences else None
        margin, n = None, len(differences)
        if n > 1:
            pairs = len(ranked) * (len(ranked) - 1) / 2
            quantile = float(stats.t.isf((1 - CONFIDENCE) / pairs / 2, n - 1))
            margin = quantile * stdev(differences) / n**0.5
        rows.append(Row(setting, list(values.values()), difference, margin))
    return rows
