"""The oracles' mean and deviation on numbers made to break them."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from oracles.nist_numacc import NUM_ACC, exact_deviation
from oracles.sample_statistics import mean, sample_deviation

NIST = pytest.mark.parametrize("name", NUM_ACC)


@NIST
def test_the_certified_values_as_far_as_float8_holds_the_numbers(name: str) -> None:
    data = NUM_ACC[name]
    assert mean(data.values) == pytest.approx(data.mean, rel=1e-15)
    assert sample_deviation(data.values) == pytest.approx(data.deviation, rel=1e-8)


@NIST
def test_of_the_numbers_as_they_are_stored_all_digits_are_right(name: str) -> None:
    data = NUM_ACC[name]
    assert sample_deviation(data.values) == pytest.approx(exact_deviation(data.values), rel=1e-15)


def test_numacc_is_what_nist_describes() -> None:
    """1001 numbers, the first one BASE.2; the stored NumAcc4 is 5.6e-9 off its certified deviation before any sum."""
    assert [len(data.values) for data in NUM_ACC.values()] == [3, 1001, 1001, 1001]
    assert [data.values[:3] for data in NUM_ACC.values()][1:] == [
        (1.2, 1.1, 1.3),
        (1000000.2, 1000000.1, 1000000.3),
        (10000000.2, 10000000.1, 10000000.3),
    ]
    assert exact_deviation(NUM_ACC["NumAcc4"].values) - 0.1 == pytest.approx(5.588e-10, rel=1e-3)


def test_noise_of_a_thousandth_on_a_million() -> None:
    """Against rational arithmetic; the difference of mean square and squared mean has no right digit here."""
    draw = random.Random(7)
    for size in (2, 3, 7, 10, 14):
        values = [1e6 + 1e-3 * draw.gauss(0, 1) for _ in range(size)]
        assert sample_deviation(values) == pytest.approx(exact_deviation(values), rel=1e-14)
        assert mean(values) == pytest.approx(float(sum(map(Fraction, values)) / size), rel=1e-15)


def test_one_value_has_no_deviation() -> None:
    assert sample_deviation([42.0]) is None
    assert sample_deviation([]) is None
