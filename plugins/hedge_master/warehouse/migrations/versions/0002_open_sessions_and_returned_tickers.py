"""Bars of sessions that were open when asked for, and tickers that came to another company."""

from alembic import op

revision = "0002"
down_revision = "0001"

# The API labels a market's zone with a constant offset ("UTC+01", "UTC+5.5"); listings of the US have a real zone.
# Any other label, or no closing time, gives null: such a bar is believed to be final.
SESSION_CLOSE = r"""
alter table market.symbols add column closes time;
comment on column market.symbols.closes is 'local time at which the regular session ends, as the API names it';

create function market.session_close(day date, zone text, closes time) returns timestamptz
language sql immutable parallel safe
as $$
    select case
        when zone ~ '^UTC[+-]\d{1,2}(\.\d+)?$'
            then (day + closes - make_interval(mins => (substr(zone, 4)::float8 * 60)::integer)) at time zone 'UTC'
        when zone in ('UTC', 'US/Eastern') then (day + closes) at time zone zone
    end
$$;
"""

PROVISIONAL = """
comment on column market.prices.provisional is
    'the session had not closed when the bar was asked for; left out of all models until the next answer replaces it';
create index on market.prices (symbol_id) where provisional;
alter table market.price_revisions add column provisional boolean not null default false;
"""

# A ticker that is given to another company keeps neither its history nor its key: the former company's row is renamed,
# "ABC (until 2019-11-29)", and goes on holding its bars.
TICKERS = """
alter table market.symbols add column ticker_until date;
comment on column market.symbols.ticker_until is
    'last day on which the ticker was this company''s; null while it is, and then symbol is what the API calls it';
alter table market.symbols add column ticker text
    generated always as (case when ticker_until is null then symbol else split_part(symbol, ' (until ', 1) end) stored;
create index on market.symbols (ticker) where ticker_until is not null;
alter table market.symbols add column added_at timestamptz not null default '-infinity';
alter table market.symbols alter column added_at set default clock_timestamp();
comment on column market.symbols.added_at is 'an answer that was asked for before this is not about this company';
"""

STAGING = """
drop table market.staging_{suffix};
create unlogged table market.staging_{suffix} (
    partition integer not null,
    kafka_offset bigint not null,
    requested_at timestamptz,
    market_time timestamptz,
    outputsize text,
    symbol text,
    day date,
    open double precision,
    high double precision,
    low double precision,
    close double precision,
    volume bigint,
    reason text,
    day_text text,
    raw text
) with (autovacuum_enabled = false);
comment on column market.staging_{suffix}.market_time is 'the clock of the far end when it answered';
"""


def upgrade() -> None:
    for statement in (SESSION_CLOSE, PROVISIONAL, TICKERS):
        op.execute(statement)
    for suffix in ("daily_prices", "price_history"):
        op.execute(STAGING.format(suffix=suffix))


def downgrade() -> None:
    raise NotImplementedError("returned tickers cannot be told apart again: restore a backup instead")
