"""NIST's NumAcc1 to NumAcc4 from their published rule, with the mean and sample deviation that they have by
construction.

Source: NIST Statistical Reference Datasets, univariate summary statistics, after Simon and Lesage, Assessing the
Accuracy of ANOVA Calculations in Statistical Software, Computational Statistics & Data Analysis 8 (1989) 325. NumAcc1
is 10000001, 10000003, 10000002; the others are one BASE.2, then 500 pairs of BASE.1 and BASE.3 with BASE 1, 1000000
and 10000000.

BASE.1 and BASE.3 are no binary fractions. As float8 the numbers themselves have another deviation: by 4e-10 of it in
NumAcc3 and by 6e-9 in NumAcc4, whatever computes it. `exact_deviation` is that of the numbers as they are stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction


@dataclass(frozen=True)
class NumAcc:
    values: tuple[float, ...]
    mean: float
    deviation: float


def exact_deviation(values: Sequence[float]) -> float:
    """Sample standard deviation of the numbers as they are stored, in rational arithmetic, rounded once at the end."""
    exact = [Fraction(value) for value in values]
    centre = sum(exact) / len(exact)
    variance = sum((value - centre) ** 2 for value in exact) / (len(exact) - 1)
    with localcontext() as context:
        context.prec = 40
        return float((Decimal(variance.numerator) / Decimal(variance.denominator)).sqrt())


def _around(base: int) -> tuple[float, ...]:
    return (float(f"{base}.2"), *(float(f"{base}.{tenth}") for _ in range(500) for tenth in (1, 3)))


NUM_ACC = {
    "NumAcc1": NumAcc((10000001.0, 10000003.0, 10000002.0), 10000002.0, 1.0),
    "NumAcc2": NumAcc(_around(1), 1.2, 0.1),
    "NumAcc3": NumAcc(_around(1000000), 1000000.2, 0.1),
    "NumAcc4": NumAcc(_around(10000000), 10000000.2, 0.1),
}
