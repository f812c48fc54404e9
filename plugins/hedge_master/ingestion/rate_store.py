"""The one way into market.fx_rates: which source wins, and which USD closes follow a rate that is new or different."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from psycopg2.extensions import connection as Connection

from hedge_master.warehouse.usd import reprice_after_rates

log = logging.getLogger(__name__)

ONE_LOAD_AT_A_TIME = 0x6678_7261  # advisory lock: "fxra"

Rate = tuple[str, date, float]  # currency, day, US dollars per unit


class Source(StrEnum):
    """Who says so; where two have a rate of the same day, the first one here wins."""

    ECB = "ECB"
    ECB_SEED = "ECB (seed)"
    ALPHA_VANTAGE = "Alpha Vantage"

    @property
    def stronger(self) -> list[str]:
        """The sources whose rates this one does not touch."""
        ranked = list(Source)
        return [str(each) for each in ranked[: ranked.index(self)]]


@dataclass(frozen=True)
class Stored:
    """How many rates are new or different, and how many bars have another USD close for it."""

    rates: int
    repriced: int


def store_rates(warehouse: Connection, rates: Iterable[Rate], source: Source) -> Stored:
    """Store what is new, different or of a weaker source, and mend exactly the USD closes that it reaches.

    A rate that only changes its source reaches none. In the caller's transaction, once in each.
    """
    rows = io.StringIO()
    csv.writer(rows).writerows(rates)
    rows.seek(0)
    with warehouse.cursor() as cursor:
        # The daily run and a backfill may load side by side: the second one then finds nothing new.
        cursor.execute("select pg_advisory_xact_lock(%s)", (ONE_LOAD_AT_A_TIME,))
        # Staged first: most rows are known, and a plain upsert would lock and touch each of them.
        cursor.execute(
            "create temporary table delivered_rates (currency text, rate_date date, usd_per_unit float8) on commit drop"
        )
        cursor.copy_expert("copy delivered_rates from stdin (format csv)", rows)
        cursor.execute(
            """delete from delivered_rates as delivered using market.fx_rates as stored
            where stored.currency = delivered.currency and stored.rate_date = delivered.rate_date
                and (
                    stored.source = any(%s)
                    or (stored.usd_per_unit, stored.source) = (delivered.usd_per_unit, %s)
                )""",
            (source.stronger, source),
        )
        cursor.execute(
            """select delivered.currency, delivered.rate_date from delivered_rates as delivered
            left join market.fx_rates as stored using (currency, rate_date)
            where stored.usd_per_unit is distinct from delivered.usd_per_unit"""
        )
        changed = cursor.fetchall()
        cursor.execute(
            """insert into market.fx_rates as known (currency, rate_date, usd_per_unit, source)
            select currency, rate_date, usd_per_unit, %s from delivered_rates
            on conflict (currency, rate_date) do update set
                usd_per_unit = excluded.usd_per_unit,
                source = excluded.source,
                known_since = case
                    when known.usd_per_unit = excluded.usd_per_unit then known.known_since else excluded.known_since
                end""",
            (source,),
        )
        repriced = reprice_after_rates(cursor, changed) if changed else 0
    if changed:
        log.info("%s: %d rates are new or different, %d USD closes follow them", source, len(changed), repriced)
    return Stored(len(changed), repriced)
