"""The client over real HTTP, against a server that plays its part line by line."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hedge_master.alpha_vantage import errors, transport
from hedge_master.alpha_vantage.budget import NoLimit
from hedge_master.alpha_vantage.client import AlphaVantageClient, Answer
from scripted_server import Line, ScriptedServer, Serve

KEY = "SECRETKEY123"
BAR = b'"2023-07-03": {"1. open": "276.4900", "4. close": "279.8200"}'
SERIES = b'{"Meta Data": {"2. Symbol": "A"}, "Time Series (Daily)": {' + BAR + b"}}"
BURST = b'{"Information": "Please consider spreading out your free API requests (1 request per second)."}'
DAY_SPENT = b'{"Information": "Our rate limit is 25 requests per day. Please subscribe to any of the premium plans"}'

pytestmark = pytest.mark.usefixtures("pauses")


class Counted(NoLimit):
    """Counts what the client does to its budget."""

    def __init__(self) -> None:
        self.reserved = 0
        self.refused = 0

    def reserve(self, announce: Callable[[], None] | None = None) -> None:
        self.reserved += 1
        super().reserve(announce)

    def refused_for_today(self, asked_at: datetime) -> None:
        self.refused += 1


def ask(server: ScriptedServer, outputsize: str = "compact") -> Answer:
    with AlphaVantageClient(server.url, KEY, NoLimit()) as client:
        return client.daily_prices("A", outputsize)


def test_the_raw_body_comes_back_untouched(serve: Serve) -> None:
    answer = ask(serve(SERIES))
    assert answer.body == SERIES
    assert answer.attempts == 1
    assert answer.requested_at.tzinfo is not None
    # The server's Date: this machine's clock.
    assert abs(answer.market_time - answer.requested_at) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("date", "time"),
    [
        ("Mon, 15 Jun 2020 15:00:00 GMT", datetime(2020, 6, 15, 15, tzinfo=UTC)),
        ("Mon, 15 Jun 2020 15:00:00 -0000", datetime(2020, 6, 15, 15, tzinfo=UTC)),
    ],
)
def test_the_time_of_an_answer_is_the_far_ends(serve: Serve, date: str, time: datetime) -> None:
    """The sample market lives in 2020 and says so in the standard header."""
    assert ask(serve(Line(SERIES, headers={"Date": date}))).market_time == time


def test_a_date_that_cannot_be_read_is_no_date(serve: Serve) -> None:
    answer = ask(serve(Line(SERIES, headers={"Date": "some day"})))
    assert answer.market_time == answer.requested_at


def test_each_call_is_asked_for_as_the_documentation_has_it(serve: Serve) -> None:
    table = "symbol,name,exchange,reportDate\n"
    server = serve(
        SERIES,
        b'{"Meta Data": {"2. From Symbol": "TWD", "3. To Symbol": "USD"}, "Time Series FX (Daily)": {}}',
        b'{"bestMatches": []}',
        table.encode(),
        b"effective_date,split_factor\n",
        b'{"symbol": "A", "annualEarnings": [], "quarterlyEarnings": []}',
        b"symbol,name,reportDate\n",
        b"symbol,name,reportDate\nA,Agilent,2026-08-14\n",
        b'{"endpoint": "Global Market Open & Close Status", "markets": []}',
    )
    with AlphaVantageClient(server.url, KEY, NoLimit()) as client:
        client.daily_prices("A", "full")
        client.fx_daily("TWD", "USD", "compact")
        client.search("tesla")
        client.listing_status("delisted")
        client.splits("A")
        client.earnings("A")
        client.earnings_calendar("3month")
        client.earnings_calendar("12month", "A")
        client.market_status()
    assert [asked.pop("apikey") for asked in server.asked] == [KEY] * 9
    assert server.asked == [
        {"function": "TIME_SERIES_DAILY", "symbol": "A", "outputsize": "full"},
        {"function": "FX_DAILY", "from_symbol": "TWD", "to_symbol": "USD", "outputsize": "compact"},
        {"function": "SYMBOL_SEARCH", "keywords": "tesla"},
        {"function": "LISTING_STATUS", "state": "delisted"},
        {"function": "SPLITS", "symbol": "A", "datatype": "csv"},
        {"function": "EARNINGS", "symbol": "A"},
        {"function": "EARNINGS_CALENDAR", "horizon": "3month"},
        {"function": "EARNINGS_CALENDAR", "horizon": "12month", "symbol": "A"},
        {"function": "MARKET_STATUS"},
    ]


WORTH_ANOTHER_TRY = {
    "burst": (Line(BURST), errors.TooFast),
    "minute": (Line(b'{"Note": "5 calls per minute and 500 calls per day."}'), errors.MinuteLimitReached),
    "HTTP 429": (Line(status=429), errors.TooFast),
    "HTTP 408": (Line(status=408), errors.ServerFault),
    "HTTP 503": (Line(status=503), errors.ServerFault),
    "cut connection": (Line(SERIES, cut_after=40), errors.NetworkFault),
    "truncated in a bar": (Line(SERIES[:-20]), errors.TruncatedAnswer),
    "truncated behind a bar": (Line(SERIES[:-2]), errors.TruncatedAnswer),
    "truncated before the last brace": (Line(SERIES[:-1]), errors.TruncatedAnswer),
    "truncated in its head": (Line(SERIES[:20]), errors.TruncatedAnswer),
    "nothing at all": (Line(b""), errors.TruncatedAnswer),
    "HTML": (Line(b"<!DOCTYPE html><html>down</html>"), errors.HtmlPage),
    "HTML with a mark of byte order": (Line(b"\xef\xbb\xbf\n<html>down</html>"), errors.HtmlPage),
    "another symbol": (Line(SERIES.replace(b'"A"', b'"AA"')), errors.AnswerForAnother),
    "no series": (Line(b'{"Meta Data": {"2. Symbol": "A"}}'), errors.NoSuchAnswer),
    "no symbol": (Line(SERIES.replace(b"2. Symbol", b"2. Name")), errors.NoSuchAnswer),
    "a list": (Line(b"[1, 2]"), errors.NoSuchAnswer),
}
FINAL = {
    "day spent": (Line(DAY_SPENT), errors.DailyLimitReached),
    "premium": (Line(b'{"Information": "This is a premium endpoint."}'), errors.PremiumOnly),
    "unknown symbol": (Line(b'{"Error Message": "Invalid API call."}'), errors.UnknownSymbol),
    "nothing there": (Line(b" {\n} "), errors.EmptyAnswer),
    "new words": (Line(b'{"Information": "Kindly go away."}'), errors.UnknownNotice),
    "HTTP 403": (Line(status=403), errors.HttpRefused),
    "HTTP 404": (Line(b"<html>", status=404), errors.HttpRefused),
    "HTTP 204": (Line(status=204), errors.HttpRefused),
    "HTTP 302": (Line(status=302, headers={"Location": "http://127.0.0.1:9/query"}), errors.Redirected),
    "a refusal that says why": (Line(DAY_SPENT, status=429), errors.DailyLimitReached),
}


@pytest.mark.parametrize("case", WORTH_ANOTHER_TRY)
def test_what_another_try_may_mend_is_asked_again(serve: Serve, pauses: list[float], case: str) -> None:
    line, _ = WORTH_ANOTHER_TRY[case]
    answer = ask(serve(line, line, SERIES))
    assert (answer.body, answer.attempts, len(pauses)) == (SERIES, 3, 2)


@pytest.mark.parametrize("case", WORTH_ANOTHER_TRY)
def test_it_is_an_error_of_its_own_when_all_attempts_are_spent(serve: Serve, case: str) -> None:
    line, error = WORTH_ANOTHER_TRY[case]
    server, budget = serve(line), Counted()
    with AlphaVantageClient(server.url, KEY, budget) as client, pytest.raises(error) as raised:
        client.daily_prices("A", "compact")
    assert type(raised.value) is error
    assert str(raised.value).startswith("TIME_SERIES_DAILY A compact: ")
    assert raised.value.attempts == len(server.asked) == budget.reserved == 5


@pytest.mark.parametrize("case", FINAL)
def test_what_stays_so_is_asked_once(serve: Serve, pauses: list[float], case: str) -> None:
    line, error = FINAL[case]
    server = serve(line)
    with pytest.raises(error) as raised:
        ask(server)
    assert type(raised.value) is error
    assert (raised.value.attempts, len(server.asked), pauses) == (1, 1, [])


def test_a_spent_day_is_told_to_the_budget(serve: Serve) -> None:
    budget = Counted()
    with AlphaVantageClient(serve(DAY_SPENT).url, KEY, budget) as client, pytest.raises(errors.DailyLimitReached):
        client.splits("A")
    assert (budget.reserved, budget.refused) == (1, 1)


class FewCalls(NoLimit):
    """A day's budget of so many calls."""

    def __init__(self, left: int) -> None:
        self._left = left

    def reserve(self, announce: Callable[[], None] | None = None) -> None:
        if not self._left:
            raise errors.DailyLimitReached("spent")
        self._left -= 1
        super().reserve(announce)


def test_a_call_is_announced_once_and_only_where_the_budget_lets_it_through(serve: Serve) -> None:
    """The first try and its retry are one call; the next call finds the day spent before it went out."""
    server = serve(BURST, b"effective_date,split_factor\n")
    told: list[int] = []
    with AlphaVantageClient(server.url, KEY, FewCalls(2)) as client:
        client.announcing(lambda: told.append(len(server.asked))).splits("A")
        with pytest.raises(errors.DailyLimitReached):
            client.announcing(lambda: told.append(len(server.asked))).splits("A")
    assert told == [0], "before its first request went out"


def test_a_call_that_nobody_wants_any_more_takes_no_place_in_the_budget(serve: Serve) -> None:
    """The first try fails; whoever asked has stopped before the second."""
    server = serve(Line(b"down", status=500))
    budget = Counted()
    with AlphaVantageClient(server.url, KEY, budget) as client:
        with pytest.raises(errors.CalledOff) as after_the_first:
            client.until(lambda: bool(server.asked)).splits("A")
        with pytest.raises(errors.CalledOff) as before_the_first:
            client.until(lambda: True).splits("A")
    assert (after_the_first.value.attempts, before_the_first.value.attempts) == (1, 0)
    assert (budget.reserved, len(server.asked)) == (1, 1)


def test_our_own_spent_day_costs_no_call(serve: Serve) -> None:
    server = serve(BURST, b"effective_date,split_factor\n")
    with AlphaVantageClient(server.url, KEY, FewCalls(1)) as client:
        with pytest.raises(errors.DailyLimitReached) as second_attempt:
            client.splits("A")
        with pytest.raises(errors.DailyLimitReached) as second_call:
            client.splits("A")
    assert (second_attempt.value.attempts, second_call.value.attempts, len(server.asked)) == (1, 0, 1)


def test_pauses_grow_and_no_two_clients_keep_step(serve: Serve, pauses: list[float]) -> None:
    """Half a second, 1, 2 and 4, and up to a second of jitter on each."""
    for _ in range(2):
        with pytest.raises(errors.ServerFault):
            ask(serve(Line(status=500)))
    first, second = pauses[:4], pauses[4:]
    for least, pause in zip([0.5, 1, 2, 4], first, strict=True):
        assert least <= pause <= least + 1
    assert first != second


def test_the_minutes_limit_is_waited_out(serve: Serve, pauses: list[float]) -> None:
    with pytest.raises(errors.MinuteLimitReached):
        ask(serve(Line(b'{"Note": "5 calls per minute"}')))
    assert sum(pauses) >= 60


@pytest.mark.parametrize("after", ["20", "Mon, 15 Jun 2020 15:00:20 GMT"])
@pytest.mark.parametrize("status", [429, 503])
def test_the_server_says_when_to_come_back(serve: Serve, pauses: list[float], status: int, after: str) -> None:
    headers = {"Date": "Mon, 15 Jun 2020 15:00:00 GMT", "Retry-After": after}
    ask(serve(Line(status=status, headers=headers), SERIES))
    assert pauses == [20.0]


def test_a_server_that_wants_an_hour_is_left_at_once(serve: Serve, pauses: list[float]) -> None:
    with pytest.raises(errors.TooFast) as raised:
        ask(serve(Line(status=429, headers={"Retry-After": "3600"})))
    assert (raised.value.retry_after, raised.value.attempts, pauses) == (3600.0, 1, [])


def test_a_silent_server_is_a_network_fault(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "SILENCE_SECONDS", 0.1)
    with pytest.raises(errors.NetworkFault, match="ReadTimeout") as raised:
        ask(serve(Line(silent=True)))
    assert raised.value.attempts == 5


def test_no_server_is_a_network_fault() -> None:
    with (
        AlphaVantageClient("http://127.0.0.1:9", KEY, NoLimit()) as client,
        pytest.raises(errors.NetworkFault, match="SPLITS A: ConnectError"),
    ):
        client.splits("A")


def test_an_answer_that_drips_is_left(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "ANSWER_SECONDS", -1.0)
    with pytest.raises(errors.NetworkFault, match="not whole after -1 s, 121 bytes so far"):
        ask(serve(SERIES))


def test_a_flood_is_not_read_to_its_end(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "LONGEST_BODY", 100)
    with pytest.raises(errors.NoSuchAnswer, match="more than 100 bytes"):
        ask(serve(SERIES))


def test_symbols_are_the_same_in_either_case(serve: Serve) -> None:
    with AlphaVantageClient(serve(SERIES).url, KEY, NoLimit()) as client:
        assert client.daily_prices("a", "compact").body == SERIES


def test_a_symbol_may_be_escaped(serve: Serve) -> None:
    """Mahindra is M&M.BSE, and some servers write an ampersand as \\u0026."""
    body = SERIES.replace(b'"A"', rb'"M\u0026M.BSE"')
    with AlphaVantageClient(serve(body).url, KEY, NoLimit()) as client:
        assert client.daily_prices("M&M.BSE", "compact").body == body


def test_a_symbol_that_is_no_json_belongs_to_nobody(serve: Serve) -> None:
    with pytest.raises(errors.AnswerForAnother):
        ask(serve(SERIES.replace(b'"A"', rb'"\q"')))


def test_an_empty_series_is_whole(serve: Serve) -> None:
    body = SERIES.replace(BAR, b"")
    assert ask(serve(body)).body == body


Call = Callable[[AlphaVantageClient], Answer]


@pytest.mark.parametrize(
    ("body", "call"),
    [
        (b'{"symbol": "B", "quarterlyEarnings": []}', lambda client: client.earnings("A")),
        (b"symbol,name,reportDate\nB,Bee,2026-08-14\n", lambda client: client.earnings_calendar("3month", "A")),
        (
            b'{"Meta Data": {"2. From Symbol": "EUR", "3. To Symbol": "JPY"}, "Time Series FX (Daily)": {}}',
            lambda client: client.fx_daily("EUR", "USD", "full"),
        ),
    ],
)
def test_another_companys_answer_is_none(serve: Serve, body: bytes, call: Call) -> None:
    with AlphaVantageClient(serve(body).url, KEY, NoLimit()) as client, pytest.raises(errors.AnswerForAnother):
        call(client)


CSV_CALLS: list[Call] = [
    lambda client: client.splits("A"),
    lambda client: client.listing_status("active"),
    lambda client: client.earnings_calendar("3month"),
]


@pytest.mark.parametrize("call", CSV_CALLS)
@pytest.mark.parametrize(
    ("body", "error"),
    [
        (DAY_SPENT, errors.DailyLimitReached),
        (b"{}", errors.EmptyAnswer),
        (b"timestamp,open\n2020-01-01,1\n", errors.NoSuchAnswer),
        (b"<html></html>", errors.HtmlPage),
    ],
)
def test_json_errors_answer_csv_requests(
    serve: Serve, body: bytes, error: type[errors.AlphaVantageError], call: Call
) -> None:
    with AlphaVantageClient(serve(body).url, KEY, NoLimit()) as client, pytest.raises(error) as raised:
        call(client)
    assert type(raised.value) is error


def test_a_table_that_ends_within_a_line_is_cut(serve: Serve) -> None:
    whole = b"effective_date,split_factor\n2021-11-04,1.0460\n"
    with AlphaVantageClient(serve(whole[:-3], whole).url, KEY, NoLimit()) as client:
        assert client.splits("A").attempts == 2


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"bestMatches": [', errors.TruncatedAnswer),
        (b'{"bestMatches": [{"1. symbol": "A"}', errors.TruncatedAnswer),
        (b'{"bestMatches": [{"1. symbol": "A"}]', errors.TruncatedAnswer),
        (b'{"matches": []}', errors.NoSuchAnswer),
    ],
)
def test_a_search_is_whole_and_a_search(serve: Serve, body: bytes, error: type[errors.AlphaVantageError]) -> None:
    with AlphaVantageClient(serve(body).url, KEY, NoLimit()) as client, pytest.raises(error) as raised:
        client.search("tesla")
    assert type(raised.value) is error


def test_a_search_that_finds_nothing_has_been_answered(serve: Serve, shared: Path) -> None:
    shape = json.loads((shared / "alpha_vantage" / "error-shapes.json").read_text())["search_no_match"]
    body = json.dumps(shape).encode()
    with AlphaVantageClient(serve(body).url, KEY, NoLimit()) as client:
        assert client.search("zzzz").body == body
