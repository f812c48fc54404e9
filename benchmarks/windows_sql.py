"""Two measures of all windows in SQL alone, and as in 2020 with a scan of all bars for each window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, timedelta

from psycopg2.extensions import connection as Connection
from windows_meter import Meter, Spent

TRADING_DAYS_A_YEAR = 252
LEAST_RETURNS = 7
MOST_RETURNS = 14  # a window has so many days
TOLERANCE = 1e-9  # relative

# In today's share and in the order of the key. The models leave out returns over long gaps; the made market has none.
CLOSES = """
drop table if exists peer.closes;
create table peer.closes (symbol_id integer, day date, close double precision);
insert into peer.closes
select symbol_id, day, close / coalesce(later.factor, 1)
from market.prices
left join lateral (
    select exp(sum(ln(splits.factor))) as factor from market.splits
    where splits.symbol_id = prices.symbol_id and splits.effective_date > prices.day
) as later on true
order by symbol_id, day;
alter table peer.closes add primary key (symbol_id, day);
"""

# Weeks are numbered; each is merged with the one after it (Chan, Golub and LeVeque, as macro merged_m2) to the window
# that begins with it. Where the week before had no trading, a week is also the second half of a window (place 1).
TWO_MEASURES = """
create unlogged table peer.two_measures as
with returns as (
    select
        symbol_id, (day - date '0001-01-01') / 7 as week, close,
        ln(close / lag(close) over (partition by symbol_id order by day)) as log_return
    from peer.closes
),
weeks as (
    select
        symbol_id, week, count(*) as n, avg(close) as mean, var_pop(close) * count(*) as m2,
        count(log_return) as returns, coalesce(avg(log_return), 0) as return_mean,
        coalesce(var_pop(log_return) * count(log_return), 0) as return_m2
    from returns
    group by symbol_id, week
),
neighbours as (
    select
        *, lag(week) over by_week as before, lead(week) over by_week as after,
        lead(n) over by_week as n2, lead(mean) over by_week as mean2, lead(m2) over by_week as m22,
        lead(returns) over by_week as returns2, lead(return_mean) over by_week as return_mean2,
        lead(return_m2) over by_week as return_m22
    from weeks
    window by_week as (partition by symbol_id order by week)
),
placed as (
    select *, place = 0 and after = week + 1 as is_pair
    from neighbours
    inner join (values (0), (1)) as places (place) on place = 0 or before is distinct from week - 1
),
windows as (
    select
        symbol_id, week - place as week,
        case when is_pair then n + n2 else n end as n,
        case when is_pair then m2 + m22 + (mean2 - mean) ^ 2 * n * n2 / (n + n2) else m2 end as m2,
        case when is_pair then returns + returns2 else returns end as returns,
        case
            when is_pair and returns + returns2 > 0
                then return_m2 + return_m22
                    + (return_mean2 - return_mean) ^ 2 * returns * returns2 / (returns + returns2)
            else return_m2
        end as return_m2
    from placed
)
select
    symbol_id, date '0001-01-01' + 7 * week as window_start,
    case when n > 1 then sqrt(m2 / (n - 1)) end as price_deviation,
    {volatility} as volatility_annualised
from windows
"""

SCAN = """
insert into peer.scans
select symbol_id, %(start)s, avg(close), stddev_samp(close) from peer.bars
where day between %(start)s and %(end)s
group by symbol_id
"""

COMPARED = """
select
    count(*),
    count(*) filter (where
        (ours.price_deviation is null) is distinct from (theirs.price_deviation is null)
        or (ours.volatility_annualised is null) is distinct from (theirs.volatility_annualised is null)
        or ours.symbol_id is null or theirs.symbol_id is null),
    max(greatest(
        abs(theirs.price_deviation / nullif(ours.price_deviation, 0) - 1),
        abs(theirs.volatility_annualised / nullif(ours.volatility_annualised, 0) - 1)
    ))
from {models} as ours
full join {peer} as theirs using (symbol_id, window_start)
"""


def volatility(returns: str, deviation: str) -> str:
    """SQL: the annualised volatility from the count of log returns and their sample standard deviation, as fct_windows
    has it."""

    def c4(count: int) -> float:
        return math.sqrt(2 / (count - 1)) * math.exp(math.lgamma(count / 2) - math.lgamma((count - 1) / 2))

    counts = range(LEAST_RETURNS, MOST_RETURNS + 1)
    cases = " ".join(f"when {count} then {math.sqrt(TRADING_DAYS_A_YEAR) / c4(count)!r}" for count in counts)
    return f"case {returns} {cases} end * {deviation}"


def make_closes(admin: Connection) -> int:
    """Split-adjusted closes of what is stored; how many rows. `admin`: a superuser, outside a transaction."""
    with admin.cursor() as cursor:
        cursor.execute(CLOSES)
        cursor.execute("vacuum (analyze) peer.closes")
        cursor.execute("select count(*) from peer.closes")
        (rows,) = cursor.fetchone() or (0,)
        return int(rows)


def two_measures(admin: Connection, meter: Meter, rows: int) -> Spent:
    """Both measures from so many closes, in one ordered pass into the unlogged table peer.two_measures."""
    statement = TWO_MEASURES.format(volatility=volatility("returns", "sqrt(return_m2 / nullif(returns - 1, 0))"))
    with admin.cursor() as cursor:
        cursor.execute("drop table if exists peer.two_measures")
        # The rows come in the order of the key; grouped by hash they would lose it and be sorted again.
        cursor.execute("set enable_hashagg = off")
        with meter.measured() as measured:
            cursor.execute(statement)
            measured.rows = rows
        cursor.execute("reset enable_hashagg")
    return measured.spent


def scans(admin: Connection, meter: Meter, starts: Sequence[date], rows: int) -> Spent:
    """Mean and deviation of closes in the windows that begin on these days, a scan of peer.bars for each."""
    with admin.cursor() as cursor:
        cursor.execute("drop table if exists peer.scans")
        cursor.execute("create table peer.scans (symbol_id integer, start date, mean float8, deviation float8)")
        with meter.measured() as measured:
            for start in starts:
                cursor.execute(SCAN, {"start": start, "end": start + timedelta(days=13)})
            measured.rows = rows
    return measured.spent


def agree(admin: Connection, models: str, peer: str) -> float:
    """The greatest relative difference between two tables of windows. RuntimeError where they are not the same."""
    with admin.cursor() as cursor:
        cursor.execute(COMPARED.format(models=models, peer=peer))
        windows, one_sided, difference = cursor.fetchone() or (0, 0, 0)
    if not windows or one_sided or difference > TOLERANCE:
        raise RuntimeError(
            f"{peer} is not {models}: of {windows} windows {one_sided} have a value on one side only, "
            f"others differ by {difference}"
        )
    return float(difference)
