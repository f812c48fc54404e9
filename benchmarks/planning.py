"""Times the planning of a run over 80,000 symbols, on a made-up warehouse: SQL and the reading of its rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from statistics import median

import psycopg2
from psycopg2.extensions import connection as Connection

from hedge_master.ingestion import daily_plan, plan
from hedge_master.ingestion.history_plan import Choice, plan_history
from hedge_master.ingestion.plan import Estimate, PlannedCall
from hedge_master.markets.regions import MARKETS
from hedge_master.markets.sessions import ClosedSession, closed_sessions
from hedge_master.settings import Settings

SYMBOLS = 80_000
REPEATS = 5
# After the session of Monday 2020-06-15, of which nobody has a bar yet; the newest bars are of Friday.
MOMENT = datetime(2020, 6, 16, 1, tzinfo=UTC)
NO_COST = Estimate(0, None, None, 1, MOMENT)

# Spread over all markets. One in ten has no history yet; each other one had its full answer a month ago. Each has a
# compact answer of Friday, and the 20 bars of four weeks.
FILL = """
insert into market.symbols (symbol, name, type, region, timezone, currency, first_seen)
select 'BENCH' || lpad(number::text, 5, '0'), 'simulated', 'Equity', (%(regions)s)[1 + number %% %(markets)s],
    'UTC+00', 'USD', date '2020-01-02'
from generate_series(0, %(symbols)s - 1) as number;
update market.symbols set added_at = '2020-01-02';

insert into market.api_calls (request_id, run_id, purpose, function, outputsize, symbol, requested_at, finished_at,
    outcome, topic, partition, kafka_offset, rows, first_bar, last_bar, market_time)
select gen_random_uuid(), 'run/' || size, purpose, 'TIME_SERIES_DAILY', size, symbol, moment, moment, 'published', size,
    0, symbol_id, bars, last_bar - bars, last_bar, moment
from market.symbols
cross join (values
    ('full', 'history', timestamptz '2020-05-15 22:30Z', 5000, date '2020-05-15'),
    ('compact', 'daily', timestamptz '2020-06-12 22:30Z', 100, date '2020-06-12')
) as calls (size, purpose, moment, bars, last_bar)
where size = 'compact' or symbol_id %% 10 > 0;

insert into market.prices (symbol_id, day, open, high, low, close, volume, close_usd, batch_id, known_since)
select symbol_id, day, 10, 11, 9, 10, 1000, 10, 1, '2020-06-12 22:30Z'
from market.symbols
cross join generate_series(date '2020-05-18', date '2020-06-12', interval '1 day') as day
where extract(isodow from day) < 6;

insert into market.market_dates values ('run/compact', '2020-06-15', 'sample market');
"""


def fill(warehouse: Connection) -> None:
    """Make the warehouse that is planned over; it has to be empty."""
    regions = [market.region for market in MARKETS]
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(FILL, {"regions": regions, "markets": len(regions), "symbols": SYMBOLS})
    warehouse.autocommit = True
    with warehouse.cursor() as cursor:
        cursor.execute("vacuum analyze market.symbols, market.api_calls, market.prices")
    warehouse.autocommit = False


def planning_seconds(settings: Settings) -> dict[str, float]:
    """Median seconds of each step of planning, by its name. Fills the warehouse, which has to be empty."""
    with closing(psycopg2.connect(settings.required("warehouse_url"))) as owner:
        fill(owner)
    with closing(psycopg2.connect(settings.required("warehouse_ingest_url"))) as warehouse:
        closed = closed_sessions(MOMENT, daily_plan.regions(warehouse))
        wanted = _planned_daily(warehouse, closed)
        if len(wanted) != SYMBOLS:
            raise RuntimeError(f"the daily plan has {len(wanted)} symbols, all {SYMBOLS} were to be stale")
        return {
            f"daily plan of {SYMBOLS:,} symbols": _median_seconds(lambda: _planned_daily(warehouse, closed)),
            f"history plan over {SYMBOLS:,} symbols": _median_seconds(lambda: plan_history(warehouse, Choice())),
            f"writing {SYMBOLS:,} calls down": _median_seconds(lambda: _write(warehouse, wanted)),
        }


def _planned_daily(warehouse: Connection, closed: Mapping[str, ClosedSession]) -> list[PlannedCall]:
    return daily_plan.plan_daily(warehouse, closed, daily_plan.full_is_allowed(warehouse, daily_budget=False))


def _write(warehouse: Connection, wanted: Sequence[PlannedCall]) -> None:
    """From the second time on it replaces the plan, as a retry does."""
    plan.write_plan(warehouse, "produce_daily_prices/benchmark", "daily", MOMENT.date(), wanted, NO_COST)
    warehouse.commit()


def _median_seconds(step: Callable[[], object]) -> float:
    took = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        step()
        took.append(time.perf_counter() - began)
    return median(took)
