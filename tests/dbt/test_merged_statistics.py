"""The models' arithmetic on numbers made to break it, run by PostgreSQL: NIST's NumAcc1 to 4, and noise on a million.

Each week's sums in two parts and sum of squared deviations are taken as int_weeks takes those of closes; the macros'
text, as dbt puts it into the models, takes and merges them.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg2
import pytest
from jinja2 import Environment
from psycopg2.extensions import connection as Connection

from hedge_master.settings import Settings
from oracles.nist_numacc import NUM_ACC, exact_deviation
from running_dbt import PROJECT


@pytest.fixture(scope="module")
def connection(warehouse_settings: Settings) -> Iterator[Connection]:
    connection = psycopg2.connect(warehouse_settings.required("warehouse_reader_url"))
    connection.autocommit = True
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def macros() -> Any:
    """The macros of windows_statistics.sql, by name."""
    text = (PROJECT / "macros/windows_statistics.sql").read_text()
    # jinja2's own template: no HTML is made here.
    return Environment(autoescape=False).from_string(text).module  # noqa: S701


@pytest.fixture(scope="module")
def weeks(macros: Any) -> str:
    """A query: each week's statistics of the values that come with it."""
    return f"""
        select
            week, count(*)::integer as n, sum(head) as head, sum(value - head) as rest,
            {macros.group_m2_of_parts("head", "value - head")} as m2
        from (
            select week, value, {macros.leading_digits("value")} as head
            from unnest(%(values)s::float8[]) with ordinality as numbers (value, position),
                lateral (select (position - 1) / %(days)s) as in_week (week)
        ) as parts
        group by week
    """


@pytest.fixture(scope="module")
def merged(macros: Any) -> str:
    """A select list: the statistics of `merged` and `weeks` together."""
    difference = macros.difference_of_means(
        "merged.n", "merged.head", "merged.rest", "weeks.n", "weeks.head", "weeks.rest"
    )
    m2 = macros.merged_m2("merged.n", "merged.m2", "weeks.n", "weeks.m2", difference)
    return f"merged.n + weeks.n as n, merged.head + weeks.head as head, merged.rest + weeks.rest as rest, {m2} as m2"


def all_in_turn(
    connection: Connection, weeks: str, merged: str, values: Sequence[float], days: int
) -> tuple[float, float]:
    """Mean and sample deviation of all values, week after week merged into what came before it."""
    query = f"""
        with recursive weeks as ({weeks}),
        merged as (
            select week, n, head, rest, m2 from weeks where week = 0
            union all
            select weeks.week, {merged} from merged inner join weeks on weeks.week = merged.week + 1
        )
        select (head + rest) / n, sqrt(m2 / nullif(n - 1, 0)) from merged order by week desc limit 1
    """
    ((mean, deviation),) = rows_of(connection, query, values, days)
    return mean, deviation


def two_by_two(
    connection: Connection, weeks: str, merged: str, values: Sequence[float], days: int
) -> list[tuple[float, ...]]:
    """Mean and sample deviation of each window of two weeks."""
    query = f"""
        with weeks as ({weeks}),
        windows as (
            select weeks.week, {merged} from weeks as merged inner join weeks on weeks.week = merged.week + 1
        )
        select (head + rest) / n, sqrt(m2 / (n - 1)) from windows order by week
    """
    return rows_of(connection, query, values, days)


def rows_of(connection: Connection, query: str, values: Sequence[float], days: int) -> list[tuple[float, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, {"values": list(values), "days": days})
        return cursor.fetchall()


def windows_of(values: Sequence[float], days: int) -> list[Sequence[float]]:
    return [values[start : start + 2 * days] for start in range(0, len(values) - days, days)]


# Sums of leading digits are exact, so that no digit is lost that the stored numbers have: what is left is the rounding
# of a handful of small sums, and in turn of up to 1001 of them.
LOST_IN_A_WINDOW, LOST_IN_TURN = 2e-15, 2e-13


@pytest.mark.parametrize("days", [1, 2, 5, 7])
@pytest.mark.parametrize(("name", "digits"), [("NumAcc1", 15), ("NumAcc2", 14), ("NumAcc3", 9), ("NumAcc4", 8)])
def test_nist_numacc_in_weeks_merged_one_after_the_other(
    connection: Connection, weeks: str, merged: str, name: str, digits: int, days: int
) -> None:
    """The certified values to as many digits as their float8 holds; of the numbers as they are stored nearly all."""
    data = NUM_ACC[name]
    mean, deviation = all_in_turn(connection, weeks, merged, data.values, days)
    assert mean == pytest.approx(data.mean, rel=1e-15)
    assert deviation == pytest.approx(data.deviation, rel=10**-digits)
    assert deviation == pytest.approx(exact_deviation(data.values), rel=LOST_IN_TURN)


@pytest.mark.parametrize("days", [1, 5, 7])
@pytest.mark.parametrize("name", ["NumAcc2", "NumAcc3", "NumAcc4"])
def test_nist_numacc_in_windows_of_two_weeks(
    connection: Connection, weeks: str, merged: str, name: str, days: int
) -> None:
    values = NUM_ACC[name].values
    found = two_by_two(connection, weeks, merged, values, days)
    assert len(found) == -(-1001 // days) - 1
    for (mean, deviation), window in zip(found, windows_of(values, days), strict=True):
        assert mean == pytest.approx(math.fsum(window) / len(window), rel=LOST_IN_A_WINDOW)
        assert deviation == pytest.approx(exact_deviation(window), rel=LOST_IN_A_WINDOW)


@pytest.mark.parametrize("days", [1, 5, 7])
def test_noise_of_a_thousandth_on_a_million(connection: Connection, weeks: str, merged: str, days: int) -> None:
    draw = random.Random(7)
    values = [1e6 + 1e-3 * draw.gauss(0, 1) for _ in range(1001)]
    found = two_by_two(connection, weeks, merged, values, days)
    for (_, deviation), window in zip(found, windows_of(values, days), strict=True):
        assert deviation == pytest.approx(exact_deviation(window), rel=LOST_IN_A_WINDOW)
