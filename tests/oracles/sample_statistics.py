"""Mean, sample variance and c4, each straight from its definition in two passes over the values."""

from __future__ import annotations

import math
from collections.abc import Sequence


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean of at least one value. The sum is rounded once (Shewchuk's algorithm, as math.fsum has it)."""
    return math.fsum(values) / len(values)


def sample_variance(values: Sequence[float]) -> float:
    """Sum of squared deviations from the mean over n - 1, for at least two values; in the values' unit squared."""
    centre = mean(values)
    return math.fsum((value - centre) ** 2 for value in values) / (len(values) - 1)


def sample_deviation(values: Sequence[float]) -> float | None:
    """Square root of `sample_variance`, in the values' unit; None for fewer than two values."""
    return math.sqrt(sample_variance(values)) if len(values) > 1 else None


def c4(n: int) -> float:
    """Expected sample standard deviation of n standard normal values, n from 2 on; no unit.

    c4(n) = sqrt(2 / (n - 1)) gamma(n / 2) / gamma((n - 1) / 2). Source: Duncan, Quality Control and Industrial
    Statistics, 1965; Cochran's theorem.
    """
    return math.sqrt(2 / (n - 1)) * math.gamma(n / 2) / math.gamma((n - 1) / 2)
