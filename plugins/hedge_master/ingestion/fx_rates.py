"""Loads the European Central Bank's reference rates into market.fx_rates, as US dollars per unit.

The history is the bank's own zip of all rates since 1999-01-04 (HM_ECB_RATES_URL); the sample market serves the same
file up to its clock.
"""

from __future__ import annotations

import csv
import io
import logging
import zipfile
from collections.abc import Iterator
from datetime import date
from urllib.parse import urlsplit

import httpx
from psycopg2.extensions import connection as Connection
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from hedge_master.warehouse.usd import reprice_after_rates

log = logging.getLogger(__name__)

SOURCE = "ECB"
ONE_LOAD_AT_A_TIME = 0x6678_7261  # advisory lock: "fxra"
ATTEMPTS = 5
TIMEOUT_SECONDS = 60.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class RatesUnavailable(RuntimeError):
    """The bank's file of rates could not be fetched; the text names the address and what came instead."""


def fetch_ecb_history(address: str) -> bytes:
    """The zip at `address`. Raises RatesUnavailable where it cannot be had after ATTEMPTS tries."""
    retrying = Retrying(
        retry=retry_if_exception_type(RatesUnavailable),
        wait=wait_exponential_jitter(multiplier=0.5, max=20),
        stop=stop_after_attempt(ATTEMPTS),
        reraise=True,
    )
    return retrying(_fetch, address)


def _fetch(address: str) -> bytes:
    try:
        # A proxy of the environment is meant for the bank's address, never for this machine's own.
        response = httpx.get(
            address,
            timeout=TIMEOUT_SECONDS,
            follow_redirects=True,
            trust_env=urlsplit(address).hostname not in LOOPBACK,
        )
    except httpx.RequestError as error:
        raise RatesUnavailable(f"HM_ECB_RATES_URL {address}: {type(error).__name__}: {error}") from error
    if response.status_code != httpx.codes.OK:
        raise RatesUnavailable(f"HM_ECB_RATES_URL {address}: HTTP {response.status_code}")
    if not zipfile.is_zipfile(io.BytesIO(response.content)):
        raise RatesUnavailable(f"HM_ECB_RATES_URL {address}: {len(response.content)} bytes that are no zip file")
    return response.content


def usd_rates(zipped: bytes, until: date) -> Iterator[tuple[str, date, float]]:
    """(currency, date, US dollars per unit) of all rates up to `until`. The file quotes units per euro.

    One euro is `usd` dollars and `units` of a currency, so one unit is usd / units dollars.
    """
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        text = archive.read(archive.namelist()[0]).decode("utf-8")
    for row in csv.DictReader(io.StringIO(text)):
        day = date.fromisoformat(row.pop("Date"))
        usd = _number(row.get("USD"))
        if day > until or usd is None:
            continue
        yield "EUR", day, usd
        for currency, quoted in row.items():
            units = _number(quoted)
            if currency and currency != "USD" and units:
                yield currency, day, usd / units


def load_fx_rates(warehouse: Connection, until: date, zipped: bytes) -> int:
    """Store all rates up to `until`, the market date, and mend the USD closes that a new or corrected one reaches.

    Returns how many rates were new or different. `zipped`: the bank's file, see `fetch_ecb_history`.
    """
    rows = io.StringIO()
    csv.writer(rows).writerows((*rate, SOURCE) for rate in usd_rates(zipped, until))
    rows.seek(0)
    with warehouse.cursor() as cursor:
        # The daily run and a backfill may load side by side: the second one then finds nothing new.
        cursor.execute("select pg_advisory_xact_lock(%s)", (ONE_LOAD_AT_A_TIME,))
        # Staged first: most rows are known, and a plain upsert would lock and touch each of them.
        cursor.execute(
            "create temporary table delivered_rates (currency text, rate_date date, usd_per_unit float8, source text) "
            "on commit drop"
        )
        cursor.copy_expert("copy delivered_rates from stdin (format csv)", rows)
        cursor.execute(
            """insert into market.fx_rates as known (currency, rate_date, usd_per_unit, source)
            select delivered.* from delivered_rates as delivered
            left join market.fx_rates as stored using (currency, rate_date)
            where stored.usd_per_unit is distinct from delivered.usd_per_unit
            on conflict (currency, rate_date) do update
                set usd_per_unit = excluded.usd_per_unit, source = excluded.source, known_since = now()
            returning currency, rate_date"""
        )
        changed = cursor.fetchall()
        if changed:
            mended = reprice_after_rates(cursor, changed)
            log.info("%d rates are new or different, %d USD closes follow them", len(changed), mended)
    return len(changed)


def _number(text: str | None) -> float | None:
    return float(text) if text and text.strip() not in {"", "N/A"} else None
