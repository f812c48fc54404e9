"""Schema `market`: what was delivered, as it was delivered, and the accounts of its delivery."""

from alembic import op

revision = "0001"
down_revision = None

SYMBOLS = """
create table market.symbols (
    symbol_id integer generated always as identity primary key,
    symbol text not null unique,
    name text not null,
    type text not null,
    region text not null,
    timezone text not null,
    currency text,
    exchange text,
    status text not null default 'active' check (status in ('active', 'delisted')),
    listed_on date,
    delisted_on date,
    first_seen date not null,
    updated_at timestamptz not null default now(),
    check (delisted_on is null or status = 'delisted')
);
comment on column market.symbols.first_seen is 'market date on which the API first named the symbol';
comment on column market.symbols.currency is 'quoted currency; may be a minor unit such as GBX';
"""

CURRENCIES = """
create table market.currencies (
    currency text primary key,
    major_currency text not null,
    units_per_major integer not null check (units_per_major > 0)
);
comment on table market.currencies is 'minor units in which some exchanges quote; all others are majors';
insert into market.currencies values
    ('GBX', 'GBP', 100), ('GBp', 'GBP', 100), ('ZAc', 'ZAR', 100), ('ILA', 'ILS', 100), ('KWF', 'KWD', 1000);

create table market.fx_rates (
    currency text not null,
    rate_date date not null,
    usd_per_unit double precision not null check (usd_per_unit > 0),
    source text not null,
    known_since timestamptz not null default now(),
    primary key (currency, rate_date)
);
"""

# The lookup stands once: the rate of the day, else the last known one of at most 7 days before, never a later one.
USD_RATE = """
create function market.usd_rate(quoted_currency text, price_day date)
returns table (usd_per_unit double precision, rate_date date)
language sql stable parallel safe
as $$
    select found.usd_per_unit / coalesce(minor.units_per_major, 1), found.rate_date
    from (select quoted_currency as currency) as quoted
    left join market.currencies as minor using (currency)
    cross join lateral (
        select 1.0::double precision as usd_per_unit, price_day as rate_date
        where coalesce(minor.major_currency, quoted.currency) = 'USD'
        union all
        (
            select fx.usd_per_unit, fx.rate_date
            from market.fx_rates as fx
            where
                fx.currency = coalesce(minor.major_currency, quoted.currency)
                and fx.currency <> 'USD'
                and fx.rate_date between price_day - 7 and price_day
            order by fx.rate_date desc
            limit 1
        )
    ) as found
$$;
"""

PRICES = """
create table market.ingest_batches (
    batch_id bigint generated always as identity primary key,
    run_id text not null,
    topic text not null,
    started_at timestamptz not null,
    finished_at timestamptz not null default clock_timestamp(),
    messages integer not null,
    delivered bigint not null,
    new bigint not null,
    changed bigint not null,
    unchanged bigint not null,
    superseded bigint not null,
    rejected bigint not null,
    offsets jsonb not null,
    check (delivered = new + changed + unchanged + superseded + rejected)
);

create table market.prices (
    symbol_id integer not null references market.symbols,
    day date not null,
    provisional boolean not null default false,
    open double precision not null,
    high double precision not null,
    low double precision not null,
    close double precision not null,
    volume bigint not null,
    close_usd double precision,
    fx_date date,
    usd_missing text,
    batch_id bigint not null,
    known_since timestamptz not null,
    primary key (symbol_id, day),
    check ((close_usd is null) = (usd_missing is not null))
);
comment on column market.prices.close is 'in the quoted currency, as delivered: not adjusted for splits';
comment on column market.prices.fx_date is 'date of the exchange rate behind close_usd, at most 7 days before the day';
comment on column market.prices.known_since is 'request time of the answer that brought these values';

create table market.price_revisions (
    symbol_id integer not null,
    day date not null,
    open double precision not null,
    high double precision not null,
    low double precision not null,
    close double precision not null,
    volume bigint not null,
    close_usd double precision,
    fx_date date,
    known_since timestamptz not null,
    known_until timestamptz not null,
    batch_id bigint not null,
    replaced_by_batch_id bigint not null,
    primary key (symbol_id, day, replaced_by_batch_id)
);
comment on table market.price_revisions is 'what a bar was believed to be before a correction, and from when to when';

create table market.splits (
    symbol_id integer not null references market.symbols,
    effective_date date not null,
    factor double precision not null check (factor > 0),
    known_since timestamptz not null default now(),
    primary key (symbol_id, effective_date)
);
comment on column market.splits.factor is 'new shares for one old share: 4 for a 4-for-1, 0.001 for a 1-for-1000';
"""

INGEST = """
create table market.api_calls (
    request_id uuid primary key,
    run_id text not null,
    function text not null,
    outputsize text,
    symbol text not null,
    requested_at timestamptz not null,
    finished_at timestamptz,
    outcome text not null default 'asked'
        check (outcome in ('asked', 'published', 'stored', 'nothing_there', 'refused', 'failed')),
    error text,
    bytes integer,
    topic text,
    partition integer,
    kafka_offset bigint,
    check ((outcome = 'published') = (kafka_offset is not null))
);
create index on market.api_calls (symbol, function, outputsize, requested_at desc);
create index on market.api_calls (run_id);

create table market.ingest_offsets (
    topic text not null,
    partition integer not null,
    next_offset bigint not null,
    batch_id bigint not null,
    updated_at timestamptz not null default now(),
    primary key (topic, partition)
);
comment on table market.ingest_offsets is 'the next offset to read; moves in the transaction that merges the rows';

create table market.answers (
    symbol_id integer not null references market.symbols,
    outputsize text not null check (outputsize in ('compact', 'full')),
    first_day date not null,
    last_day date not null,
    requested_at timestamptz not null,
    topic text not null,
    partition integer not null,
    kafka_offset bigint not null,
    primary key (symbol_id, outputsize)
);
comment on table market.answers is 'newest merged answer of each kind: it speaks for its first to its last day';

create table market.rejected_rows (
    rejected_id bigint generated always as identity primary key,
    batch_id bigint not null,
    topic text not null,
    partition integer not null,
    kafka_offset bigint not null,
    symbol text,
    day text,
    reason text not null,
    raw text,
    rejected_at timestamptz not null default now()
);
create index on market.rejected_rows (reason, symbol);

create table market.market_dates (
    run_id text primary key,
    market_date date not null,
    source text not null check (source in ('sample market', 'data interval')),
    recorded_at timestamptz not null default clock_timestamp()
);
comment on table market.market_dates is 'the market date of each run; the greatest one is the date that rules all';
"""

CHANGED_WEEKS = """
create sequence market.change_ids;
create table market.changed_weeks (
    symbol_id integer not null references market.symbols,
    week_start date not null check (extract(isodow from week_start) = 1),
    reason text not null,
    change_id bigint not null default nextval('market.change_ids'),
    marked_at timestamptz not null default now(),
    primary key (symbol_id, week_start)
);
create index on market.changed_weeks (change_id);
comment on column market.changed_weeks.change_id is 'rises with every mark, so a reader keeps the last one it has seen';

create function market.mark_changed_weeks(changed_symbol_id integer, from_day date, to_day date, why text)
returns bigint
language sql
as $$
    -- The first bar after the change is marked too: its return starts from the changed close.
    with days as (
        select from_day as first_day, to_day as last_day
        union all
        (
            select p.day, p.day
            from market.prices as p
            where p.symbol_id = changed_symbol_id and p.day > to_day
            order by p.day
            limit 1
        )
    ),
    weeks as (
        select distinct w.week_start::date as week_start
        from days
        cross join lateral generate_series(
            date_trunc('week', days.first_day::timestamp),
            date_trunc('week', days.last_day::timestamp),
            interval '7 days'
        ) as w (week_start)
    ),
    marked as (
        insert into market.changed_weeks (symbol_id, week_start, reason)
        select changed_symbol_id, weeks.week_start, why
        from weeks
        on conflict (symbol_id, week_start) do update
            set reason = excluded.reason, change_id = excluded.change_id, marked_at = excluded.marked_at
        returning 1
    )
    select count(*) from marked
$$;
"""

# One a topic, since the two queries of the stream run side by side. UNLOGGED: a crash empties them, and the merge
# compares counts before it believes them.
STAGING = """
create unlogged table market.staging_{suffix} (
    partition integer not null,
    kafka_offset bigint not null,
    requested_at timestamptz,
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
"""


def upgrade() -> None:
    for statement in (SYMBOLS, CURRENCIES, USD_RATE, PRICES, INGEST, CHANGED_WEEKS):
        op.execute(statement)
    for suffix in ("daily_prices", "price_history"):
        op.execute(STAGING.format(suffix=suffix))


def downgrade() -> None:
    raise NotImplementedError("the first migration has nothing before it: drop schema market instead")
