"""The market clock: forward only, kept over restarts, and nothing is known after it."""

from __future__ import annotations

import csv
import socket
import threading
import time
from collections.abc import Iterator
from datetime import date
from datetime import time as time_of_day
from pathlib import Path

import httpx
import pytest
import uvicorn
from sample_market_terms import START, OpenMarket
from typer.testing import CliRunner

from hedge_master.cli import market_clock
from hedge_master.sample_market import clock_client
from hedge_master.sample_market.clock import ClockFileError, ClockRefused, MarketClock
from hedge_master.sample_market.ecb import EcbRates
from hedge_master.sample_market.limits import CallLimits
from hedge_master.sample_market.moment import Moment
from hedge_master.sample_market.server import create_app
from hedge_master.sample_market.sessions import Days
from hedge_master.sample_market.universe import Universe


def test_christmas_is_a_trading_day_where_tokyo_is_served(sessions: dict[str, Days], tmp_path: Path) -> None:
    """Friday 2020-12-25: New York is shut until Monday the 28th, Tokyo trades."""
    new_york = MarketClock(tmp_path / "a.json", date(2020, 12, 24), [sessions["XNYS"]])
    assert new_york.advance(1) == Moment(date(2020, 12, 28))
    both = MarketClock(tmp_path / "b.json", date(2020, 12, 24), [sessions["XNYS"], sessions["XTKS"]])
    assert both.advance(1) == Moment(date(2020, 12, 25))
    assert both.advance(1) == Moment(date(2020, 12, 28))


def test_the_clock_survives_a_restart(sessions: dict[str, Days], tmp_path: Path) -> None:
    kept = tmp_path / "sample_market" / "clock.json"
    MarketClock(kept, START, [sessions["XNYS"]]).set_to(date(2020, 7, 1))
    assert MarketClock(kept, START, [sessions["XNYS"]]).moment == Moment(date(2020, 7, 1))
    assert [path.name for path in kept.parent.iterdir()] == ["clock.json"]


def test_the_clock_never_moves_back_nor_past_the_last_day(sessions: dict[str, Days], tmp_path: Path) -> None:
    clock = MarketClock(tmp_path / "clock.json", START, [sessions["XNYS"]])
    assert clock.set_to(START) == Moment(START)
    with pytest.raises(ClockRefused, match="stands at 2020-06-12 and only moves forward: 2020-06-11 is before"):
        clock.set_to(date(2020, 6, 11))
    with pytest.raises(ClockRefused, match="ends at 2023-09-21"):
        clock.set_to(date(2023, 9, 22))
    clock.set_to(date(2023, 9, 20))
    with pytest.raises(ClockRefused, match="cannot advance 2 trading days: 1 are left"):
        clock.advance(2)
    assert clock.advance(1) == Moment(date(2023, 9, 21))
    assert clock.next_trading_day is None


@pytest.mark.parametrize("content", ["", "{}", '{"market_date": "yesterday"}', '{"market_date": "1980-01-01"}', "[]"])
def test_a_broken_clock_file_is_named(sessions: dict[str, Days], tmp_path: Path, content: str) -> None:
    kept = tmp_path / "clock.json"
    kept.write_text(content)
    with pytest.raises(ClockFileError, match=r"clock\.json.*delete it to start over"):
        MarketClock(kept, START, [sessions["XNYS"]])


def test_http_clock(open_market: OpenMarket) -> None:
    market = open_market()
    shown = market.get("/clock").json()
    assert (shown["market_date"], shown["is_trading_day"], shown["next_trading_day"]) == (
        "2020-06-12",
        True,
        "2020-06-15",
    )
    assert market.post("/clock", json={"advance_trading_days": 1}).json()["market_date"] == "2020-06-15"
    backwards = market.post("/clock", json={"market_date": "2020-06-12"})
    assert backwards.status_code == 409
    assert "only moves forward" in backwards.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"market_date": "2020-07-01", "advance_trading_days": 1},
        {"advance_trading_days": 0},
        {"advance_trading_days": -3},
        {"market_date": "soon"},
        {"days": 3},
    ],
)
def test_http_clock_refuses_nonsense_in_words(open_market: OpenMarket, body: dict[str, object]) -> None:
    market = open_market()
    refused = market.post("/clock", json=body)
    assert refused.status_code == 422
    assert isinstance(refused.json()["detail"], str)
    assert market.get("/clock").json()["market_date"] == "2020-06-12"


def test_history_up_to_a_day_is_a_prefix_of_that_up_to_the_next(open_market: OpenMarket) -> None:
    market = open_market(day=date(2008, 9, 12))
    call = {
        "function": "TIME_SERIES_DAILY",
        "symbol": "SIM000",
        "outputsize": "full",
        "datatype": "csv",
        "apikey": "k",
    }
    before = market.get("/query", params=call).text.splitlines()[1:]
    assert before[0].startswith("2008-09-12,")
    assert before[-1].startswith("1999-01-04,")
    assert market.post("/clock", json={"market_date": "2008-09-15"}).status_code == 200
    after = market.get("/query", params=call).text.splitlines()[1:]
    assert after[0].startswith("2008-09-15,")
    assert after[1:] == before


def test_nothing_after_the_clock_is_known(universe: Universe, open_market: OpenMarket) -> None:
    """A symbol is unknown before its first bar, listed until its last, delisted after; splits come with their day."""
    late = next(each for each in universe.listings if each.first_bar > date(2000, 1, 1))
    gone = next(each for each in universe.listings if each.last_bar is not None)
    assert gone.last_bar is not None
    splitting, split = next(
        (each, splits[-1])
        for each in universe.listings
        if (splits := universe.history(each, Moment(date(2023, 9, 21))).splits)
    )

    def asked(day: date, function: str, symbol: str) -> str:
        return open_market(day=day).get("/query", params={**_call(function), "symbol": symbol, "keywords": symbol}).text

    eve = date.fromordinal(late.first_bar.toordinal() - 1)
    assert "Error Message" in asked(eve, "TIME_SERIES_DAILY", late.symbol)
    assert asked(eve, "SPLITS", late.symbol) == "{}"
    assert late.symbol not in asked(eve, "SYMBOL_SEARCH", late.symbol)
    assert late.symbol in asked(late.first_bar, "SYMBOL_SEARCH", late.symbol)

    assert gone.symbol in asked(gone.last_bar, "SYMBOL_SEARCH", gone.symbol)
    after = date.fromordinal(gone.last_bar.toordinal() + 1)
    assert gone.symbol not in asked(after, "SYMBOL_SEARCH", gone.symbol)
    assert f'Last Refreshed": "{gone.last_bar}"' in asked(date(2023, 9, 21), "TIME_SERIES_DAILY", gone.symbol)

    day_before = date.fromordinal(split.effective.toordinal() - 1)
    assert str(split.effective) not in asked(day_before, "SPLITS", splitting.symbol)
    assert str(split.effective) in asked(split.effective, "SPLITS", splitting.symbol)


def test_listing_status_tells_a_delisting_only_when_it_has_happened(world: object, open_market: OpenMarket) -> None:
    big = Universe({}, world, 400)  # type: ignore[arg-type]
    gone = next(each for each in big.listings if each.last_bar and each.market.suffix == "")
    last = gone.last_bar
    assert last is not None
    market = open_market(day=last, of=big)
    active = {
        row["symbol"]: row for row in csv.DictReader(market.get("/query", params=_status("active")).text.split("\n"))
    }
    assert active[gone.symbol]["delistingDate"] == "null"
    assert gone.symbol not in market.get("/query", params=_status("delisted")).text
    assert market.post("/clock", json={"advance_trading_days": 5}).status_code == 200
    assert f",{last},Delisted" in market.get("/query", params=_status("delisted")).text
    assert f"\n{gone.symbol}," not in market.get("/query", params=_status("active")).text
    assert f"\n{gone.symbol}," in market.get("/query", params={**_status("active"), "date": str(last)}).text


def _call(function: str) -> dict[str, str]:
    return {"function": function, "apikey": "k"}


def _status(state: str) -> dict[str, str]:
    return {**_call("LISTING_STATUS"), "state": state}


@pytest.fixture
def base_url(universe: Universe, ecb: EcbRates, tmp_path: Path) -> Iterator[str]:
    """A real server on a free port."""
    clock = MarketClock(tmp_path / "clock.json", START, universe.sessions())
    server = uvicorn.Server(
        uvicorn.Config(create_app(universe, ecb, clock, CallLimits(0, 0, 0)), log_level="error", date_header=False)
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        deadline = time.monotonic() + 20
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(20)
    assert not thread.is_alive()


def test_the_client_reads_and_moves_the_clock(base_url: str) -> None:
    assert clock_client.market_date(base_url) == START
    assert clock_client.advance(base_url, 2) == date(2020, 6, 16)
    at_noon = Moment(date(2020, 6, 20), time_of_day(12, 0))
    assert clock_client.set_market_time(base_url, date(2020, 6, 20), time_of_day(12, 0)) == at_noon
    assert clock_client.clock(base_url).moment == at_noon
    assert clock_client.market_date(base_url) == date(2020, 6, 20)
    assert httpx.get(f"{base_url}/clock").headers.get_list("date") == ["Sat, 20 Jun 2020 12:00:00 GMT"]
    assert clock_client.set_market_date(base_url + "/", date(2020, 6, 20)) == date(2020, 6, 20)
    assert clock_client.clock(base_url).moment == Moment(date(2020, 6, 20))
    with pytest.raises(clock_client.ClockUnavailable, match="stands at 2020-06-20 and only moves forward"):
        clock_client.set_market_date(base_url, START)
    with pytest.raises(clock_client.ClockUnavailable, match="greater than or equal to 1"):
        clock_client.advance(base_url, 0)


def test_hm_shows_and_sets_the_time(base_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HM_SAMPLE_MARKET_PORT", base_url.rsplit(":", 1)[1])
    monkeypatch.setenv("HM_ALPHA_VANTAGE_BASE_URL", "")

    def hm(*words: str) -> str:
        done = CliRunner().invoke(market_clock.app, words)
        assert done.exit_code == 0, done.output
        return done.output.strip()

    assert hm("show") == "2020-06-12"
    assert hm("set", "2020-06-15", "--time", "15:00") == hm("show") == "2020-06-15 15:00 UTC"
    assert hm("set", "2020-06-15") == hm("show") == "2020-06-15"
    assert hm("advance", "1") == "2020-06-16"


def test_the_client_says_that_the_server_is_down() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(clock_client.ClockUnavailable, match=rf"127\.0\.0\.1:{port} does not answer .*make demo"):
        clock_client.market_date(f"http://127.0.0.1:{port}")
