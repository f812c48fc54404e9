"""The ranking of the small market: the rule against the oracle's plain average, the reasons against its story."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import date, timedelta
from typing import Any

import psycopg2
import pytest
import small_market
from psycopg2.extensions import connection as Connection
from small_market import LAST_COMPLETE, MARKET_DATE, Stock, windows_by_hand

from hedge_master.settings import Settings
from oracles.ranking import Place, Values, ranking

CASES = [
    ("1 year", MARKET_DATE, date(2019, 6, 12)),
    ("6 months", MARKET_DATE, date(2019, 12, 12)),
    ("3 months", date(2020, 6, 7), date(2020, 3, 7)),
    ("13 weeks", date(2020, 6, 7), date(2020, 3, 8)),
    ("45 days", date(2020, 2, 29), date(2020, 1, 15)),
    ("1 year", date(2020, 2, 29), date(2019, 2, 28)),
    ("9 days", date(2020, 6, 10), date(2020, 6, 1)),
    ("7 days", date(2020, 6, 7), date(2020, 5, 31)),
]
TRADED = "where rank is not null order by rank"


def ask(connection: Connection, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


@pytest.fixture(scope="module")
def values(stocks: dict[str, Stock]) -> dict[str, dict[str, Values]]:
    """Measure -> symbol -> its complete windows, by hand."""
    found: dict[str, dict[str, Values]] = {"volatility": {}, "price_deviation": {}}
    for symbol, stock in stocks.items():
        windows = {start + timedelta(days=13): window for start, window in windows_by_hand(stock).items()}
        complete = {end: window for end, window in windows.items() if end <= LAST_COMPLETE}
        found["volatility"][symbol] = {end: window.volatility for end, window in complete.items()}
        found["price_deviation"][symbol] = {
            end: None if stock.rate is None else window.deviation for end, window in complete.items()
        }
    return found


def is_gone(stock: Stock, ends_on: date) -> bool:
    """Nobody can trade it then: delisted by that day, or without a bar in the two weeks before."""
    delisted = stock.delisted_on is not None and stock.delisted_on <= ends_on
    return delisted or max(stock.closes) < ends_on - timedelta(days=14)


def is_doubtful(symbol: str, starts_on: date) -> bool:
    """WILD's jump of Monday 2019-03-04 lies in the windows to March 10 and 17: one ends after the look-back's start."""
    return symbol == "WILD" and starts_on < date(2019, 3, 17)


def ranked(windows: Mapping[str, Values], starts_on: date, ends_on: date, with_untradable: bool = False) -> list[Place]:
    """By the oracle: who ranks, in order."""
    chosen = {
        symbol: windows[symbol]
        for symbol, stock in small_market.market().items()
        if (with_untradable or not (symbol == "THIN" or is_gone(stock, ends_on))) and not is_doubtful(symbol, starts_on)
    }
    return [place for place in ranking(chosen, starts_on, ends_on) if place.rank is not None]


def in_order(places: list[Place]) -> list[str]:
    """TWIN.A and TWIN.B have one value, and the oracle's sums are as free in the last digits as anybody's."""
    symbols = [place.symbol for place in places]
    if "TWIN.A" in symbols and "TWIN.B" in symbols:
        first, second = sorted(map(symbols.index, ("TWIN.A", "TWIN.B")))
        assert second == first + 1
        symbols[first : second + 1] = ["TWIN.A", "TWIN.B"]
    return symbols


@pytest.mark.parametrize("measure", ["volatility", "price_deviation"])
@pytest.mark.parametrize(("look_back", "as_of", "starts_on"), CASES)
def test_the_ranking_is_the_plain_mean_of_the_windows_that_end_in_the_look_back(
    published: Connection,
    values: dict[str, dict[str, Values]],
    measure: str,
    look_back: str,
    as_of: date,
    starts_on: date,
) -> None:
    """DECAYING too: its windows of 2019 are a millionfold of those of 2020, and the sums hold both."""
    expected = ranked(values[measure], starts_on, as_of)
    rows = ask(
        published,
        f"""select rank, symbol, value, values_found, windows_expected
        from marts.ranking(%s::interval, %s, %s::date) {TRADED}""",
        *(look_back, measure, as_of),
    )
    assert [row[:2] for row in rows] == list(enumerate(in_order(expected), start=1))
    places = {place.symbol: place for place in expected}
    for _, symbol, value, found, of in rows:
        assert value == pytest.approx(places[symbol].value, rel=1e-9, abs=1e-12)
        assert (found, of) == (places[symbol].values, places[symbol].expected)


def test_equal_prices_go_by_symbol_whatever_was_before_them(published: Connection) -> None:
    """Over 40 ends, TWIN.A comes just before TWIN.B, whose sums began three months earlier."""
    for weeks in range(40):
        for measure in ("volatility", "deviation_pct", "price_deviation"):
            rows = ask(
                published,
                f"select symbol from marts.ranking(interval '3 months', %s, %s::date) {TRADED}",
                *(measure, MARKET_DATE - timedelta(weeks=weeks)),
            )
            symbols = [symbol for (symbol,) in rows]
            assert symbols.index("TWIN.B") == symbols.index("TWIN.A") + 1, (weeks, measure)


def test_nobody_vanishes_the_others_carry_their_reason(published: Connection) -> None:
    """A year has 52 windows, which end on 2019-06-16 to 2020-06-07. BOUGHT has the 34 up to 2020-02-02, SUSPENDED the
    31 up to 01-12; of GAPPED's, 12 up to September and 17 from 02-16 have seven returns. JUST_BOUGHT lacks three: its
    windows would do.
    """
    rows = ask(published, "select symbol, left_out_reason, value, days_since_last_bar from marts.ranking('1 year')")
    reasons = {symbol: reason for symbol, reason, _, _ in rows if reason is not None}
    assert reasons == {
        "YOUNG": "too young: prices begin on 2020-01-06",
        "GAPPED": "only 29 of 52 windows have a value",
        "BOUGHT": "delisted on 2020-01-31: only 34 of 52 windows have a value",
        "SILENT": "no trading since 2019-03-01",
        "SUSPENDED": "no trading since 2020-01-10: only 31 of 52 windows have a value",
        "JUST_BOUGHT": "untradable: delisted on 2020-05-15",
        "THIN": reasons["THIN"],
    }
    assert reasons["THIN"].startswith("untradable: median turnover of ")
    assert all((value is None) == (symbol in reasons) for symbol, _, value, _ in rows)
    assert {symbol: days for symbol, _, _, days in rows}["JUST_BOUGHT"] == 28


def test_without_a_rate_a_measure_in_dollars_says_which_rate(published: Connection) -> None:
    query = """select left_out_reason, liquidity_tier, price_band
        from marts.ranking('1 year', %s) where symbol = 'RATELESS'"""
    reason = "no rate for VND: only 0 of 52 windows have a value"
    assert ask(published, query, "price_deviation") == [(reason, "unknown", "unknown")]
    assert ask(published, query, "volatility") == [(None, "unknown", "unknown")]


def test_a_look_back_before_the_prices_or_of_a_day_has_its_reasons_too(published: Connection) -> None:
    query = "select symbol, left_out_reason from marts.ranking(%s::interval, 'volatility', %s::date)"
    long_ago = ask(published, query, "1 year", date(2019, 1, 20))
    assert dict(long_ago)["WILD"] == "too young: prices begin on 2019-01-07"
    assert dict(ask(published, query, "2 days", date(2019, 1, 11)))["WILD"] == "no complete window up to 2019-01-11"
    assert dict(ask(published, query, "1 week", date(2019, 12, 29)))["GAPPED"] == (
        "no prices around 2019-12-22, the start of the look-back"
    )


def test_who_cannot_be_traded_is_ranked_when_asked_for(
    published: Connection, values: dict[str, dict[str, Values]]
) -> None:
    rows = ask(published, f"select symbol from marts.ranking('1 year', with_untradable => true) {TRADED}")
    expected = ranked(values["volatility"], date(2019, 6, 12), MARKET_DATE, with_untradable=True)
    assert [symbol for (symbol,) in rows] == in_order(expected)
    assert {"THIN", "JUST_BOUGHT"} <= set(in_order(expected))


@pytest.mark.parametrize(
    ("as_of", "reason"),
    [
        (date(2019, 3, 15), None),
        (date(2019, 3, 16), "untradable: no trading since 2019-03-01"),
    ],
)
def test_who_has_not_traded_for_over_two_weeks_cannot_be_traded(
    published: Connection, as_of: date, reason: str | None
) -> None:
    """SILENT's last bar is Friday 2019-03-01; of the five windows up to March 10, all but the last have a value."""
    query = "select left_out_reason from marts.ranking('5 weeks', 'volatility', %s) where symbol = 'SILENT'"
    assert ask(published, query, as_of) == [(reason,)]


def test_who_is_delisted_ranks_up_to_the_day_before(published: Connection) -> None:
    query = "select left_out_reason from marts.ranking('2 months', 'volatility', %s) where symbol = 'JUST_BOUGHT'"
    assert ask(published, query, date(2020, 5, 14)) == [(None,)]
    assert ask(published, query, date(2020, 5, 15)) == [("untradable: delisted on 2020-05-15",)]


@pytest.mark.parametrize(
    ("filters", "field"),
    [
        ("markets => array['Elsewhere']", ["TWIN.B", "POUND", "DEAR"]),
        ("currencies => array['GBP', 'VND']", ["POUND", "RATELESS"]),
        ("tiers => array['unknown']", ["RATELESS"]),
        ("markets => array['Elsewhere'], types => array['Equity'], currencies => array['USD']", ["TWIN.B", "DEAR"]),
        ("types => array['ETF']", []),
    ],
)
def test_filters_come_before_ranks(
    published: Connection, values: dict[str, dict[str, Values]], filters: str, field: list[str]
) -> None:
    rows = ask(published, f"select rank, symbol from marts.ranking('1 year', {filters}) where rank is not null")
    all_ranked = in_order(ranked(values["volatility"], date(2019, 6, 12), MARKET_DATE))
    assert rows == list(enumerate(sorted(field, key=all_ranked.index), start=1))


def test_the_top_is_the_beginning_of_the_whole(published: Connection) -> None:
    whole = ask(published, f"select * from marts.ranking('1 year') {TRADED}")
    assert ask(published, "select * from marts.ranking('1 year', top => 4)") == whole[:4]


def test_a_percentile_is_the_share_of_those_that_score_no_higher(
    published: Connection, values: dict[str, dict[str, Values]], stocks: dict[str, Stock]
) -> None:
    """Within all that rank, whatever the filters show; twins have one percentile."""
    places = ranked(values["volatility"], date(2019, 6, 12), MARKET_DATE)

    def share(symbol: str, group: list[Place]) -> float:
        (own,) = [place.value for place in places if place.symbol == symbol]
        assert own is not None
        return sum((place.value or 0) <= own * (1 + 1e-9) for place in group) / len(group)

    rows = ask(
        published,
        f"""select symbol, percentile_world, percentile_market, percentile_currency
        from marts.ranking('1 year', with_percentiles => true, currencies => array['USD']) {TRADED}""",
    )
    assert rows
    for symbol, world, market, currency in rows:
        of_market = [place for place in places if stocks[place.symbol].market == stocks[symbol].market]
        of_currency = [place for place in places if stocks[place.symbol].currency == stocks[symbol].currency]
        assert world == pytest.approx(share(symbol, places))
        assert market == pytest.approx(share(symbol, of_market))
        assert currency == pytest.approx(share(symbol, of_currency))
    unasked = ask(published, "select distinct percentile_world, rank_change_1w from marts.ranking('1 year')")
    assert unasked == [(None, None)]


def test_a_change_of_rank_is_against_the_same_question_one_and_four_weeks_before(
    published: Connection, values: dict[str, dict[str, Values]]
) -> None:
    """Positive: it has climbed. None: it had no rank then."""
    windows = values["volatility"]

    def ranks(weeks: int) -> dict[str, int]:
        end = MARKET_DATE - timedelta(weeks=weeks)
        # Two months before the market date and the days one and four weeks earlier.
        starts = {0: date(2020, 4, 12), 1: date(2020, 4, 5), 4: date(2020, 3, 15)}
        return {symbol: n for n, symbol in enumerate(in_order(ranked(windows, starts[weeks], end)), start=1)}

    now, week, month = ranks(0), ranks(1), ranks(4)
    rows = ask(
        published,
        f"""select symbol, rank_change_1w, rank_change_4w
        from marts.ranking('2 months', 'volatility', with_rank_changes => true) {TRADED}""",
    )
    expected = [
        (symbol, *(then[symbol] - rank if symbol in then else None for then in (week, month)))
        for symbol, rank in now.items()
    ]
    assert rows == expected
    assert any(change for _, _, change in rows)


def test_a_grave_flag_in_a_window_of_the_look_back_is_a_reason(published: Connection) -> None:
    """WILD's jump of Monday 2019-03-04 lies in the windows that end on March 10 and 17."""
    query = """select left_out_reason, flags, rank is null
        from marts.ranking(interval '9 months', 'volatility', %s::date, with_flagged => %s) where symbol = 'WILD'"""
    inside, behind = date(2019, 12, 16), date(2019, 12, 17)
    assert ask(published, query, inside, False) == [("flagged: jump_without_split on 2019-03-04", 1, True)]
    assert ask(published, query, inside, True) == [(None, 1, False)]
    assert ask(published, query, behind, False) == [(None, 0, False)]


@pytest.mark.parametrize(
    ("first", "last", "returned", "flagged"),
    [
        (date(2019, 12, 2), date(2020, 4, 24), date(2020, 4, 27), True),
        (date(2019, 12, 2), date(2020, 2, 28), date(2020, 3, 2), True),
        (date(2019, 12, 2), date(2020, 2, 27), date(2020, 2, 28), False),
        (date(2020, 3, 2), date(2020, 3, 2), None, True),
        (date(2020, 2, 28), date(2020, 2, 28), None, False),
        (date(2020, 6, 5), date(2020, 6, 5), None, True),
        (date(2020, 6, 8), date(2020, 6, 8), None, False),
    ],
)
def test_a_wrong_price_counts_up_to_the_day_it_is_right_again(
    published: Connection,
    warehouse_settings: Settings,
    first: date,
    last: date,
    returned: date | None,
    flagged: bool,
) -> None:
    """Three months up to Friday 2020-06-12: the windows that end on March 15 to June 7. The first one begins on Monday
    March 2, with the return from the Friday before.
    """
    with closing(psycopg2.connect(warehouse_settings.required("warehouse_dbt_url"))) as owner, owner.cursor() as cursor:
        cursor.execute(
            """insert into marts.fct_price_flags (symbol_id, symbol, day, last_day, flag, severity, ratio, day_before,
            close_before, close, returned_on, likely_cause)
            select symbol_id, symbol, %(first)s, %(last)s, 'unit_error', 'grave', 100, %(first)s::date - 1, 1, 100,
            %(returned)s::date, 'unit' from marts.dim_symbols where symbol = 'DEAR'""",
            {"first": first, "last": last, "returned": returned},
        )
        cursor.execute("select left_out_reason from marts.ranking(interval '3 months') where symbol = 'DEAR'")
        assert cursor.fetchall() == [("flagged: unit_error on " + str(first) if flagged else None,)]
        # Closed without a commit: the next test finds the market as it was.


def test_what_a_score_is_made_of_can_be_listed(published: Connection, values: dict[str, dict[str, Values]]) -> None:
    rows = ask(
        published,
        """select window_end, covers_start, is_counted, days, value, is_complete
        from marts.ranking_windows('JUST_BOUGHT', interval '6 weeks', 'volatility', '2020-06-07')""",
    )
    sundays = [date(2020, 4, 26) + timedelta(weeks=n) for n in range(7)]
    assert [row[:4] for row in rows] == [
        (sunday, sunday <= date(2020, 5, 3), sunday > date(2020, 4, 26), days)
        for sunday, days in zip(sundays, [10, 10, 10, 10, 5, None, None], strict=True)
    ]
    assert [row[4] for row in rows] == [
        pytest.approx(values["volatility"]["JUST_BOUGHT"].get(sunday), rel=1e-9) for sunday in sundays
    ]
    assert all(is_complete for *_, is_complete in rows)


def test_the_windows_that_have_begun_are_listed_and_count_nowhere(published: Connection) -> None:
    """Friday 2020-06-12 lies in the windows to June 14, with ten of its days, and June 21, with five."""
    query = """select window_end, days from marts.ranking_windows('DEAR', interval '6 weeks', 'volatility', %s)
        where not is_complete and not is_counted and not covers_start"""
    assert ask(published, query, None) == [(date(2020, 6, 14), 10), (date(2020, 6, 21), 5)]
    assert ask(published, query, MARKET_DATE) == ask(published, query, None)
    assert ask(published, query, date(2020, 6, 11)) == []


@pytest.mark.parametrize(
    ("measure", "column"),
    [
        ("volatility_usd", "volatility_usd_annualised"),
        ("deviation_pct", "deviation_pct"),
        ("deviation_pct_local", "deviation_pct_local"),
        ("price_deviation_local", "price_deviation"),
        ("parkinson", "parkinson_annualised"),
        ("garman_klass", "garman_klass_annualised"),
        ("rogers_satchell", "rogers_satchell_annualised"),
        ("yang_zhang", "yang_zhang_annualised"),
        ("greatest_absolute_move", "greatest_absolute_move"),
    ],
)
def test_every_measure_is_the_average_of_its_column_of_the_windows(
    published: Connection, measure: str, column: str
) -> None:
    """The average that PostgreSQL takes of the windows themselves, over the quarter up to Sunday 2020-06-07."""
    averages = dict(
        ask(
            published,
            f"""select symbol, avg({column}) from marts.fct_windows inner join marts.dim_symbols using (symbol_id)
            where window_end > '2020-03-07' and window_end <= '2020-06-07' group by symbol""",
        )
    )
    rows = ask(
        published,
        f"select symbol, value, {column} from marts.ranking('3 months', %s, '2020-06-07') {TRADED}",
        measure,
    )
    assert len(rows) >= 8
    for symbol, value, as_column in rows:
        assert value == as_column == pytest.approx(averages[symbol], rel=1e-9, abs=1e-12), symbol
