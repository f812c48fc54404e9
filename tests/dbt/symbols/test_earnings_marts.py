"""Earnings seasons and moves around reports: by hand, and against the oracles."""

from __future__ import annotations

import math
import statistics
from contextlib import closing
from datetime import date
from itertools import pairwise
from typing import Any

import psycopg2
import pytest
from figures_market import MARKET_DATE, SESSIONS, SPLITS, ask, closes_by_symbol
from psycopg2.extensions import connection as Connection

from hedge_master.settings import Settings
from oracles.close_measures import deviation_pct, price_deviation_usd, volatility
from oracles.earnings_influence import (
    HALF_MONTHS_OF_2020,
    TRUE_HALF_MONTHS,
    influence,
    influence_in_dollars,
)
from oracles.made_up_bars import windows_of_closes

MEASURES = {"volatility": volatility, "price_deviation": price_deviation_usd, "deviation_pct": deviation_pct}
SEASONS = {"reporting": TRUE_HALF_MONTHS, "2020": HALF_MONTHS_OF_2020}


def test_both_seasons_are_the_half_months_of_the_design(published_figures: Connection) -> None:
    rows = ask(
        published_figures, "select month, half, is_reporting_season, is_season_of_2020 from marts.dim_half_months"
    )
    assert len(rows) == 24
    assert {(month, half) for month, half, is_season, _ in rows if is_season} == TRUE_HALF_MONTHS
    assert {(month, half) for month, half, _, is_season in rows if is_season} == HALF_MONTHS_OF_2020


@pytest.mark.parametrize(
    ("symbol", "measure", "inside", "outside"),
    [
        ("UPDOWN", "volatility", math.sqrt(4.96), 1.0),
        ("TENTWELVE", "price_deviation", math.sqrt(4.9 / 9), math.sqrt(10 / 9)),
    ],
)
def test_influence_by_hand(
    published_figures: Connection, symbol: str, measure: str, inside: float, outside: float
) -> None:
    """Two weeks up to 2020-04-19 hold the window of Friday 04-10 and that of 04-17, in the second half of April.

    UPDOWN moves by 1% in turn, by 3% in the week of 04-13. First window: squared deviations 10 x 0.0001. The other: 5 x
    0.0001 + 5 x 0.0009, less 10 x 0.002^2, as its mean is (3% - 1%) / 10: 0.00496, sqrt(4.96) times the first's.
    TENTWELVE is at 10 and 12 in turn: mean 11, squared deviations 10. Then at 11 for a week, after 12, 10, 12, 10, 12:
    mean 11.1, squared deviations 3 x 0.81 + 2 x 1.21 + 5 x 0.01 = 4.9. In dollars one is added to both.
    In 2020's half-months it is the first window that is inside.
    """
    for season, (more, less) in {"reporting": (inside, outside), "2020": (outside, inside)}.items():
        ((found, windows_inside, windows_outside, reason),) = ask(
            published_figures,
            """select influence, windows_inside, windows_outside, left_out_reason
            from marts.earnings_influence(interval '2 weeks', %s, %s, '2020-04-19') where symbol = %s""",
            measure,
            season,
            symbol,
        )
        added = 1 if measure == "price_deviation" else 0
        assert found == pytest.approx((added + more) / (added + less), rel=1e-9)
        assert (windows_inside, windows_outside, reason) == (1, 1, None)


@pytest.mark.parametrize("season", SEASONS)
@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("look_back", "starts_on", "as_of"),
    [
        ("1 year", date(2019, 6, 12), MARKET_DATE),
        ("6 months", date(2019, 9, 30), date(2020, 3, 30)),
        ("26 weeks", date(2019, 12, 8), date(2020, 6, 7)),
        ("14 days", date(2020, 5, 1), date(2020, 5, 15)),
        ("20 days", date(2019, 1, 5), date(2019, 1, 25)),
    ],
)
def test_influence_is_that_of_the_oracle(
    published_figures: Connection, look_back: str, starts_on: date, as_of: date, measure: str, season: str
) -> None:
    oracle = influence_in_dollars if measure == "price_deviation" else influence
    expected = {}
    for symbol, closes in closes_by_symbol().items():
        windows = windows_of_closes(closes, SPLITS.get(symbol), SESSIONS, MARKET_DATE).values()
        values = {window.end: MEASURES[measure](window) for window in windows if window.is_complete(MARKET_DATE)}
        expected[symbol] = oracle(values, starts_on, as_of, SEASONS[season])
    rows = ask(
        published_figures,
        """select symbol, rank, influence, left_out_reason
        from marts.earnings_influence(%s::interval, %s, %s, %s) order by rank""",
        look_back,
        measure,
        season,
        as_of,
    )
    assert {symbol for symbol, *_ in rows} == expected.keys()
    for symbol, rank, found, reason in rows:
        by_oracle = expected[symbol]
        assert found == (None if by_oracle is None else pytest.approx(by_oracle, rel=1e-9)), symbol
        assert (reason is None) == (rank is not None) == (found is not None), symbol
    ranked = [(-found, symbol) for symbol, rank, found, _ in rows if rank is not None]
    assert ranked == sorted(ranked)
    assert [rank for _, rank, *_ in rows if rank is not None] == list(range(1, len(ranked) + 1))


def test_nobody_vanishes_from_the_influence(published_figures: Connection) -> None:
    """Up to the market date, with the seasons in which companies report."""
    reasons = dict(
        ask(
            published_figures,
            "select symbol, left_out_reason from marts.earnings_influence(interval '6 months') where rank is null",
        )
    )
    assert reasons == {
        "YOUNG": "too young: prices begin on 2020-05-04",
        "GONE": "no prices since 2019-11-29",
        "GAPPED": "no complete window around 2019-12-12, the start of the look-back",
        "FLAT": "did not move outside the seasons",
        "EMPTY": "no prices",
    }


def test_before_the_first_complete_window_everybody_has_a_reason(figures: Settings) -> None:
    """No window is there, so no market date to count from; the symbols have prices all the same."""
    with closing(psycopg2.connect(figures.required("warehouse_dbt_url"))) as builder:
        for mart in ("fct_symbol_volatility", "fct_windows"):
            ask(builder, f"delete from marts.{mart} returning symbol_id")
        reasons = dict(
            ask(builder, "select symbol, left_out_reason from marts.earnings_influence(interval '6 months')")
        )
        builder.rollback()
    assert reasons == dict.fromkeys(closes_by_symbol(), "no complete window") | {"EMPTY": "no prices"}


def test_a_look_back_without_a_season_says_so(published_figures: Connection) -> None:
    """The Fridays of 2020-03-20 and 27 lie in no true season, those of 2020-05-01 and 08 in nothing else."""
    for as_of, side in ((date(2020, 3, 30), "inside"), (date(2020, 5, 10), "outside")):
        reasons = ask(
            published_figures,
            """select distinct left_out_reason from marts.earnings_influence(interval '14 days', as_of => %s)
            where symbol in ('WILD', 'SPLIT', 'UPDOWN')""",
            as_of,
        )
        assert reasons == [(f"no window {side} the seasons has a value",)]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("interval '1 year', 'beta'", 'measure is "beta": not one of volatility, '),
        ("interval '1 year', 'volatility', 'spring'", 'season is "spring": not one of reporting, 2020'),
        ("interval '0'", 'look_back is "00:00:00": not a stretch of time before its end'),
        ("interval '1 year', as_of => '2020-06-13'", 'as_of is "2020-06-13": after the market date, 2020-06-12'),
    ],
)
def test_a_wrong_question_is_refused(published_figures: Connection, arguments: str, complaint: str) -> None:
    with pytest.raises(psycopg2.errors.RaiseException) as refused:
        ask(published_figures, f"select * from marts.earnings_influence({arguments})")
    assert str(refused.value).startswith(complaint)


def test_moves_on_reports_against_the_sixty_days_before(published_figures: Connection) -> None:
    """WILD trades on every weekday. Before the session of 2019-04-25: that day. After Friday 2019-07-26: the Monday. At
    a time that nobody told on 2019-10-24: the day after. On 2019-01-30 there are 16 returns before it.
    """
    closes = closes_by_symbol()["WILD"]
    moves = [abs(math.log(closes[day] / closes[before])) for before, day in pairwise(SESSIONS)]
    expected: list[tuple[Any, ...]] = [
        (date(2018, 10, 25), False, SESSIONS[0], None, None, 0, "no close shortly before the report")
    ]
    for reported, reacted, is_assumed in (
        (date(2019, 1, 30), date(2019, 1, 30), False),
        (date(2019, 4, 25), date(2019, 4, 25), False),
        (date(2019, 7, 26), date(2019, 7, 29), False),
        (date(2019, 10, 24), date(2019, 10, 25), True),
    ):
        place = SESSIONS.index(reacted) - 1
        before = moves[max(place - 60, 0) : place]
        move, usual = moves[place], statistics.median(before)
        known = len(before) >= 30
        expected.append(
            (
                reported,
                is_assumed,
                reacted,
                pytest.approx(move, rel=1e-9),
                pytest.approx(move / usual, rel=1e-9) if known else None,
                len(before),
                None if known else f"only {len(before)} of 60 days before it",
            )
        )
    expected.append((MARKET_DATE, False, None, None, None, 0, "no bar since the report"))
    rows = ask(
        published_figures,
        """select report_date, is_time_assumed, reaction_day, absolute_move, move_to_usual, usual_days,
            not_compared_because
        from marts.fct_earnings_moves join marts.dim_symbols using (symbol_id) where symbol = 'WILD' order by 1""",
    )
    assert rows == expected
    assert [row[5] for row in rows] == [0, 16, 60, 60, 60, 0]


def test_why_a_report_is_not_compared(published_figures: Connection) -> None:
    """GAPPED reported in its gap of two months: the return over it is no day's move. FLAT does not move on any day."""
    rows = ask(
        published_figures,
        """select symbol, reaction_day, absolute_move, not_compared_because
        from marts.fct_earnings_moves join marts.dim_symbols using (symbol_id) where symbol <> 'WILD' order by 1""",
    )
    assert rows == [
        ("FLAT", date(2020, 4, 30), 0, "did not move on its usual day"),
        ("GAPPED", date(2020, 2, 3), None, "no close shortly before the report"),
    ]


def test_a_symbol_s_reports_are_summed_up_with_the_next_one(published_figures: Connection) -> None:
    """WILD: six reports, four with a move, three compared. The one expected for January never came and is not next;
    YOUNG's is expected for the market date itself.
    """
    ((median_move, greatest, median_ratio),) = ask(
        published_figures,
        """select median_absolute_move, greatest_absolute_move, median_move_to_usual
        from marts.fct_earnings_by_symbol join marts.dim_symbols using (symbol_id) where symbol = 'WILD'""",
    )
    moves = ask(
        published_figures,
        """select absolute_move, move_to_usual from marts.fct_earnings_moves join marts.dim_symbols using (symbol_id)
        where symbol = 'WILD'""",
    )
    absolute, ratios = ([value for value in column if value is not None] for column in zip(*moves, strict=True))
    assert median_move == pytest.approx(statistics.median(absolute), rel=1e-12)
    assert greatest == max(absolute)
    assert median_ratio == pytest.approx(statistics.median(ratios), rel=1e-12)
    rows = ask(
        published_figures,
        """select symbol, reports, measured_reports, compared_reports, reports_with_time_assumed, last_report_date,
            next_report_date, next_report_time
        from marts.fct_earnings_by_symbol join marts.dim_symbols using (symbol_id) order by 1""",
    )
    assert rows == [
        ("FLAT", 1, 1, 0, 0, date(2020, 4, 30), None, None),
        ("GAPPED", 1, 0, 0, 0, date(2020, 1, 30), None, None),
        ("WILD", 6, 4, 3, 1, MARKET_DATE, date(2020, 7, 30), "post-market"),
        ("YOUNG", 0, 0, 0, 0, None, MARKET_DATE, "pre-market"),
    ]
