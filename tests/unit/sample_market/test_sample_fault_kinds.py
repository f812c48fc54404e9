"""Each kind of fault as a client meets it, over real connections, with two HTTP libraries."""

from __future__ import annotations

import csv
import http.client
import json
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import httpx
import pytest
from sample_market_terms import OpenMarket, ServeMarket

from hedge_master.sample_market.faults import Fault, Faults
from hedge_master.sample_market.listing import History, Listing
from hedge_master.sample_market.universe import Universe
from hedge_master.sample_market.world import World

KEY = "SECRET123"
CALL = {"function": "TIME_SERIES_DAILY", "symbol": "SIM001.LON", "outputsize": "full", "apikey": KEY}
SPLITS_CSV = {"function": "SPLITS", "symbol": "SIM001.LON", "datatype": "csv", "apikey": KEY}

# Asks a market in which every call is hit by this fault.
Ask = Callable[..., httpx.Response]


@pytest.fixture
def ask(serve_market: ServeMarket) -> Ask:
    def asked(fault: Fault, call: dict[str, str] = CALL, echo_key: bool = False, timeout: float = 10) -> httpx.Response:
        address = serve_market(faults=Faults(1.0, 7, frozenset({fault}), slow_seconds=0.3, echo_key=echo_key))
        return httpx.get(f"{address}/query", params=call, timeout=timeout)

    return asked


# The name of each notice in the recorded error-shapes.json.
RECORDED = {
    Fault.DAILY_CAP: "information_daily_cap_with_key_2025",
    Fault.DAILY_CAP_NO_KEY: "information_daily_cap_2024",
    Fault.BURST: "information_burst_2025",
    Fault.LEGACY_NOTE: "note_legacy_5_per_minute",
    Fault.PREMIUM_ENDPOINT: "information_premium_endpoint",
    Fault.PREMIUM_FULL: "information_outputsize_full_premium",
    Fault.DEMO_KEY: "information_demo_key",
    Fault.KEY_REFUSED: "error_apikey",
    Fault.INVALID_CALL: "error_invalid_symbol_or_call",
    Fault.NOTHING_THERE: "empty_object",
}


@pytest.mark.parametrize("fault", RECORDED)
def test_a_notice_is_word_for_word_the_recorded_one(ask: Ask, recorded: Path, fault: Fault) -> None:
    shapes = json.loads((recorded / "error-shapes.json").read_text().replace("<KEY>", KEY))
    answer = ask(fault, {**CALL, "datatype": "csv"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json"), "in JSON, also for CSV"
    assert answer.json() == shapes[RECORDED[fault]]


def test_every_recorded_shape_that_can_answer_falsely_has_its_kind(recorded: Path) -> None:
    """Left are a function that nobody here calls, and the two that have a test of their own."""
    shapes = set(json.loads((recorded / "error-shapes.json").read_text()))
    assert shapes - set(RECORDED.values()) == {
        *("_note", "global_quote_unknown", "search_no_match", "premium_realtime_fake_rows")
    }


@pytest.mark.parametrize("fault", set(Fault) - {Fault.CUT_BEFORE, Fault.CUT_INSIDE})
def test_the_key_is_echoed_where_the_real_one_does_and_everywhere_on_demand(ask: Ask, fault: Fault) -> None:
    true_inside = {Fault.SLOW, Fault.TRUNCATED, Fault.OTHER_SYMBOL, Fault.NOTHING_THERE}
    assert (KEY in ask(fault).text) == (fault is Fault.DAILY_CAP)
    assert (KEY in ask(fault, echo_key=True).text) == (fault not in true_inside)


def test_artificial_rows_are_made_up_and_say_so(ask: Ask, recorded: Path) -> None:
    answer = ask(Fault.ARTIFICIAL_ROWS).json()
    real = json.loads((recorded / "payloads" / "REALTIME_BULK_QUOTES_fake_rows.json").read_text())
    assert list(answer) == list(real)
    warning = (
        "This is a premium endpoint. ***THE SAMPLE DATA SCHEMA BELOW IS ARTIFICIAL AND FOR ILLUSTRATION PURPOSES ONLY"
    )
    assert answer["message"].startswith(warning) and real["message"].startswith(warning)
    assert [row["symbol"] for row in answer["data"]] == ["SIM001.LON"] * 3
    assert answer["data"][0].keys() <= real["data"][0].keys()


def test_a_search_that_finds_nothing_has_its_own_form(ask: Ask) -> None:
    search = {"function": "SYMBOL_SEARCH", "keywords": "SIM", "apikey": KEY}
    assert ask(Fault.NOTHING_THERE, search).json() == {"bestMatches": []}


def test_a_slow_answer_is_the_true_one_late(ask: Ask, open_market: OpenMarket) -> None:
    begun = time.monotonic()
    assert ask(Fault.SLOW).text == open_market().get("/query", params=CALL).text
    assert time.monotonic() - begun > 0.3
    with pytest.raises(httpx.ReadTimeout):
        ask(Fault.SLOW, timeout=0.1)


def test_a_slow_answer_keeps_no_other_caller_waiting(serve_market: ServeMarket) -> None:
    """A hundred at once take the time of one: those who wait hold no thread."""
    address = serve_market(faults=Faults(1.0, kinds=frozenset({Fault.SLOW}), slow_seconds=2.0))
    begun = time.monotonic()
    with ThreadPoolExecutor(100) as pool, httpx.Client(base_url=address, limits=httpx.Limits()) as client:
        answers = pool.map(lambda _: client.get("/query", params=SPLITS_CSV).status_code, range(100))
        assert set(answers) == {200}
    assert time.monotonic() - begun < 5.5, "40 threads, each asleep for two seconds, would take 6 s"


def test_a_connection_ends_before_a_byte_or_inside_the_answer(
    serve_market: ServeMarket, open_market: OpenMarket, caplog: pytest.LogCaptureFixture
) -> None:
    true = open_market().get("/query", params=CALL).content
    path = f"/query?{urlencode(CALL)}"

    def connection(fault: Fault) -> http.client.HTTPConnection:
        address = serve_market(faults=Faults(1.0, kinds=frozenset({fault})))
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(f"{address}{path}")
        opened = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
        opened.request("GET", path)
        return opened

    with pytest.raises(http.client.RemoteDisconnected):
        connection(Fault.CUT_BEFORE).getresponse()
    answer = connection(Fault.CUT_INSIDE).getresponse()
    assert answer.status == 200 and int(answer.headers["content-length"]) == len(true)
    with pytest.raises(http.client.IncompleteRead) as cut:
        answer.read()
    assert cut.value.partial == true[: len(true) // 2]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING], "the server means to do it"


def test_without_a_server_nothing_is_cut_in_silence(open_market: OpenMarket) -> None:
    market = open_market(faults=Faults(1.0, kinds=frozenset({Fault.CUT_BEFORE})))
    with pytest.raises(RuntimeError, match="can cut a call"):
        market.get("/query", params=CALL)


def test_only_the_connection_of_the_call_is_cut(serve_market: ServeMarket) -> None:
    """Half of the calls are cut on a connection that is kept: the next call, and all others meanwhile, are served."""
    address = serve_market(faults=Faults(0.5, 7, frozenset({Fault.CUT_BEFORE, Fault.CUT_INSIDE})))
    served, cut = 0, 0
    with httpx.Client(base_url=address) as client, httpx.Client(base_url=address) as other:
        for _ in range(30):
            try:
                served += client.get("/query", params=SPLITS_CSV).text.startswith("effective_date")
            except httpx.RemoteProtocolError:
                cut += 1
            assert other.get("/health").json()["status"] == "ok"
        dealt = other.get("/faults").json()["dealt"]
    assert served + cut == 30 and cut == sum(dealt.values()) and min(dealt.values()) > 3


def test_truncated_json_is_a_whole_answer_that_cannot_be_read(ask: Ask, open_market: OpenMarket) -> None:
    true = open_market().get("/query", params=CALL).text
    answer = ask(Fault.TRUNCATED)
    assert answer.text == true[: len(true) // 2]
    assert int(answer.headers["content-length"]) == len(answer.content)
    with pytest.raises(json.JSONDecodeError):
        answer.json()


@pytest.mark.parametrize(
    "call",
    [
        SPLITS_CSV,
        {**SPLITS_CSV, "symbol": "SIM000"},
        {"function": "LISTING_STATUS", "apikey": KEY},
        {"function": "EARNINGS_CALENDAR", "apikey": KEY},
        {**CALL, "datatype": "csv"},
    ],
)
def test_truncated_csv_ends_in_a_row_with_too_few_fields(
    ask: Ask, open_market: OpenMarket, call: dict[str, str]
) -> None:
    """So that a careful reader can tell it; a file that ends at a row's end would look whole."""
    true = open_market().get("/query", params=call).text
    cut = ask(Fault.TRUNCATED, call).text
    assert true.startswith(cut) and len(cut) < len(true)
    header, *_ = csv.reader(true.splitlines())
    assert len(list(csv.reader(cut.splitlines()))[-1]) < len(header)


def test_a_web_page_has_status_200(ask: Ask) -> None:
    answer = ask(Fault.HTML)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
    assert answer.text.startswith("<!DOCTYPE html>")


def test_another_symbol_is_answered_under_its_own_name(ask: Ask, open_market: OpenMarket) -> None:
    other = ask(Fault.OTHER_SYMBOL).json()
    name = other["Meta Data"]["2. Symbol"]
    assert name != "SIM001.LON"
    assert other == open_market().get("/query", params={**CALL, "symbol": name}).json()
    first = ask(Fault.OTHER_SYMBOL, {**CALL, "symbol": name}).json()
    assert first["Meta Data"]["2. Symbol"] != name


def test_a_real_symbol_is_answered_for_a_real_one_and_a_simulated_for_a_simulated(
    open_market: OpenMarket, real: dict[Listing, History], world: World
) -> None:
    """Real symbols have no reports: {} would say that there is nothing, not whose it is."""
    market = open_market(of=Universe(real, world, 20), faults=Faults(1.0, kinds=frozenset({Fault.OTHER_SYMBOL})))
    for symbol, simulated in (("AAPL", False), ("SIM001.LON", True)):
        other = market.get("/query", params={**CALL, "symbol": symbol}).json()["Meta Data"]["2. Symbol"]
        assert other != symbol and other.startswith("SIM") == simulated
    reports = market.get("/query", params={"function": "EARNINGS", "symbol": "SIM001.LON", "apikey": KEY}).json()
    assert reports["symbol"] != "SIM001.LON" and reports["quarterlyEarnings"]


def test_nobody_can_be_taken_for_a_symbol_that_is_not_there(ask: Ask) -> None:
    assert "Invalid API call" in ask(Fault.OTHER_SYMBOL, {**CALL, "symbol": "NOPE"}).json()["Error Message"]


@pytest.mark.parametrize(
    ("fault", "status", "wait"), [(Fault.HTTP_500, 500, None), (Fault.HTTP_503, 503, "1"), (Fault.HTTP_429, 429, "1")]
)
def test_a_status_says_when_to_come_back(ask: Ask, fault: Fault, status: int, wait: str | None) -> None:
    answer = ask(fault)
    assert (answer.status_code, answer.headers.get("retry-after")) == (status, wait)


@pytest.mark.parametrize("fault", [Fault.HTTP_500, Fault.BURST, Fault.SLOW])
def test_the_market_clock_is_told_with_every_fault(ask: Ask, fault: Fault) -> None:
    assert ask(fault).headers["date"] == "Fri, 12 Jun 2020 23:59:59 GMT"
