"""The ranking of the small market: the rule against the oracle's plain average, the reasons against its story."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection
from small_market import LAST_COMPLETE, MARKET_DATE, Stock, windows_by_hand

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


def ranked(
    windows: Mapping[str, Values], starts_on: date, ends_on: date, without: tuple[str, ...] = ("THIN",)
) -> list[Place]:
    """By the oracle: who ranks, in order."""
    chosen = {symbol: ours for symbol, ours in windows.items() if symbol not in without}
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
    31 up to 01-12; of GAPPED's, 12 up to September and 17 from 02-16 have seven returns. JUST_BOUGHT lacks three and
    ranks.
    """
    rows = ask(published, "select symbol, left_out_reason, value, days_since_last_bar from marts.ranking('1 year')")
    reasons = {symbol: reason for symbol, reason, _, _ in rows if reason is not None}
    assert reasons == {
        "YOUNG": "too young: prices begin on 2020-01-06",
        "GAPPED": "only 29 of 52 windows have a value",
        "BOUGHT": "delisted on 2020-01-31: only 34 of 52 windows have a value",
        "SILENT": "no trading since 2019-03-01",
        "SUSPENDED": "no trading since 2020-01-10: only 31 of 52 windows have a value",
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
    expected = ranked(values["volatility"], date(2019, 6, 12), MARKET_DATE, without=())
    assert [symbol for (symbol,) in rows] == in_order(expected)
    assert "THIN" in in_order(expected)


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
    windows = values["price_deviation"]

    def ranks(weeks: int) -> dict[str, int]:
        end = MARKET_DATE - timedelta(weeks=weeks)
        # Two months before the market date and the days one and four weeks earlier.
        starts = {0: date(2020, 4, 12), 1: date(2020, 4, 5), 4: date(2020, 3, 15)}
        return {symbol: n for n, symbol in enumerate(in_order(ranked(windows, starts[weeks], end)), start=1)}

    now, week, month = ranks(0), ranks(1), ranks(4)
    rows = ask(
        published,
        f"""select symbol, rank_change_1w, rank_change_4w
        from marts.ranking('2 months', 'price_deviation', with_rank_changes => true) {TRADED}""",
    )
    expected = [
        (symbol, *(then[symbol] - rank if symbol in then else None for then in (week, month)))
        for symbol, rank in now.items()
    ]
    assert rows == expected
    assert any(change for _, _, change in rows)


def test_grave_flags_are_counted_where_a_window_of_the_look_back_holds_their_day(published: Connection) -> None:
    """WILD's jump of Monday 2019-03-04 lies in the windows that end on March 10 and 17: it ranks, and is marked."""
    query = "select symbol, flags from marts.ranking(interval '9 months', 'volatility', %s::date) where flags > 0"
    for start, marked in ((date(2019, 3, 16), True), (date(2019, 3, 17), False)):
        end = date(2019, 12, start.day)
        assert (("WILD", 1) in ask(published, query, end)) is marked


def test_what_a_score_is_made_of_can_be_listed(published: Connection, values: dict[str, dict[str, Values]]) -> None:
    rows = ask(
        published,
        """select window_end, covers_start, is_counted, days, value
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
