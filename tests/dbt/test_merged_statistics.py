"""The models' arithmetic on numbers made to break it, run by PostgreSQL: NIST's NumAcc1 to 4, and noise on a million.

Each week's count, mean and sum of squared deviations are taken as int_weeks takes them; the macros' text, as dbt puts
it into the models, merges them.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg2
import pytest
from jinja2 import Environment
from psycopg2.extensions import connection as Connection

from hedge_master.settings import Settings
from oracles.nist_numacc import NUM_ACC, exact_deviation
from running_dbt import PROJECT

FIRST, SECOND = ("merged.n", "merged.mean", "merged.m2"), ("weeks.n", "weeks.mean", "weeks.m2")
WEEKS = """
    select
        (position - 1) / %(days)s as week,
        count(value)::integer as n,
        avg(value) as mean,
        coalesce(var_pop(value) * count(value), 0) as m2
    from unnest(%(values)s::float8[]) with ordinality as numbers (value, position)
    group by week
"""


@pytest.fixture(scope="module")
def connection(warehouse_settings: Settings) -> Iterator[Connection]:
    connection = psycopg2.connect(warehouse_settings.required("warehouse_reader_url"))
    connection.autocommit = True
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def macros() -> Any:
    """The macros of measures.sql, by name."""
    text = (PROJECT / "macros/measures.sql").read_text()
    # jinja2's own template: no HTML is made here.
    return Environment(autoescape=False).from_string(text).module  # noqa: S701


@pytest.fixture(scope="module")
def merged(macros: Any) -> str:
    """A select list: count, mean and squared deviations of `merged` and `weeks` together."""
    mean = macros.merged_mean(FIRST[0], FIRST[1], SECOND[0], SECOND[1])
    squared_deviations = macros.merged_squared_deviations(*FIRST, *SECOND)
    return f"merged.n + weeks.n as n, {mean} as mean, {squared_deviations} as m2"


def all_in_turn(connection: Connection, merged: str, values: Sequence[float], days: int) -> tuple[float, float]:
    """Mean and sample deviation of all values, week after week merged into what came before it."""
    query = f"""
        with recursive weeks as ({WEEKS}),
        merged as (
            select week, n, mean, m2 from weeks where week = 0
            union all
            select weeks.week, {merged} from merged inner join weeks on weeks.week = merged.week + 1
        )
        select mean, sqrt(m2 / nullif(n - 1, 0)) from merged order by week desc limit 1
    """
    ((mean, deviation),) = rows_of(connection, query, values, days)
    return mean, deviation


def two_by_two(connection: Connection, merged: str, values: Sequence[float], days: int) -> list[float]:
    """Sample deviation of each window of two weeks."""
    query = f"""
        with weeks as ({WEEKS}),
        windows as (
            select weeks.week, {merged} from weeks as merged inner join weeks on weeks.week = merged.week + 1
        )
        select sqrt(m2 / (n - 1)) from windows order by week
    """
    return [deviation for (deviation,) in rows_of(connection, query, values, days)]


def rows_of(connection: Connection, query: str, values: Sequence[float], days: int) -> list[tuple[float, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, {"values": list(values), "days": days})
        return cursor.fetchall()


def windows_of(values: Sequence[float], days: int) -> list[Sequence[float]]:
    return [values[start : start + 2 * days] for start in range(0, len(values) - days, days)]


def lost_at_most(values: Sequence[float]) -> float:
    """What rounding may cost the deviation, of its own size: twice 2^-52 for each time that it fits into the mean.

    The bounds of all such updating formulas are multiples of that (Chan, Golub, LeVeque, Algorithms for Computing the
    Sample Variance, American Statistician 37 (1983) 242). Sums of squares lose its square: every digit of NumAcc4.
    """
    deviation = exact_deviation(values)
    return 2 * sys.float_info.epsilon * math.fsum(values) / len(values) / deviation if deviation else 0


@pytest.mark.parametrize("days", [1, 2, 5, 7])
@pytest.mark.parametrize(("name", "digits"), [("NumAcc1", 15), ("NumAcc2", 14), ("NumAcc3", 9), ("NumAcc4", 8)])
def test_nist_numacc_in_weeks_merged_one_after_the_other(
    connection: Connection, merged: str, name: str, digits: int, days: int
) -> None:
    """The certified values to as many digits as their float8 holds; of the numbers as they are stored a few more."""
    data = NUM_ACC[name]
    mean, deviation = all_in_turn(connection, merged, data.values, days)
    assert mean == pytest.approx(data.mean, rel=2e-14)
    assert deviation == pytest.approx(data.deviation, rel=10**-digits)
    assert deviation == pytest.approx(exact_deviation(data.values), rel=lost_at_most(data.values))


@pytest.mark.parametrize("days", [1, 5, 7])
@pytest.mark.parametrize("name", ["NumAcc2", "NumAcc3", "NumAcc4"])
def test_nist_numacc_in_windows_of_two_weeks(connection: Connection, merged: str, name: str, days: int) -> None:
    values = NUM_ACC[name].values
    windows = windows_of(values, days)
    found = two_by_two(connection, merged, values, days)
    assert len(found) == -(-1001 // days) - 1
    for deviation, window in zip(found, windows, strict=True):
        assert deviation == pytest.approx(exact_deviation(window), rel=lost_at_most(window))


@pytest.mark.parametrize("days", [1, 5, 7])
def test_noise_of_a_thousandth_on_a_million(connection: Connection, merged: str, days: int) -> None:
    draw = random.Random(7)
    values = [1e6 + 1e-3 * draw.gauss(0, 1) for _ in range(1001)]
    found = two_by_two(connection, merged, values, days)
    for deviation, window in zip(found, windows_of(values, days), strict=True):
        assert deviation == pytest.approx(exact_deviation(window), rel=lost_at_most(window))
