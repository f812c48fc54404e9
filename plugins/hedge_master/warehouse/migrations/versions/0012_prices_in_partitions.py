"""Prices in partitions of 5,000 symbols, in rows without padding and without nulls; see docs/decisions/0014.

It writes every stored bar once more, in one transaction, and holds the table meanwhile: a warehouse of 400M rows needs
an hour and room for 53 GB beside the 59 GB of the old table, which go when it commits. A failure leaves the old table
as it was. dbt's view of the table goes with it; the next build makes it anew.
"""

from itertools import pairwise

from alembic import op

revision = "0012"
down_revision = "0011"

# A company's number never changes and queries ask by it, so that one answer and one chart touch one partition. New
# companies come at the end: the last partition takes whatever there will be.
SYMBOLS_A_PARTITION = 5_000
PARTITIONS = 17

# What is 8 bytes wide first: nothing is padded, and each place but the last is known without reading the row.
PRICES = """
alter table market.prices rename to prices_before;
alter table market.prices_before rename constraint prices_pkey to prices_before_pkey;
alter index market.prices_symbol_id_idx rename to prices_before_provisional;

create table market.prices (
    symbol_id integer not null,
    day date not null,
    open double precision not null,
    high double precision not null,
    low double precision not null,
    close double precision not null,
    volume bigint not null,
    known_since timestamptz not null,
    batch_id bigint not null,
    close_usd double precision,
    fx_date date,
    provisional boolean not null default false,
    usd_missing text not null default '',
    primary key (symbol_id, day),
    check ((close_usd is null) = (usd_missing <> ''))
) partition by range (symbol_id);
comment on table market.prices is 'one row a symbol and trading day; see the partitions for the rows';
comment on column market.prices.close is 'in the quoted currency, as delivered: not adjusted for splits';
comment on column market.prices.fx_date is 'date of the exchange rate behind close_usd, at most 7 days before the day';
comment on column market.prices.known_since is 'request time of the answer that brought these values';
comment on column market.prices.provisional is
    'the session had not closed when the bar was asked for; left out of all models until the next answer replaces it';
comment on column market.prices.usd_missing is 'why there is no close_usd; empty where there is one';
"""

# The reason stands once, for all that write a close in USD.
USD_MISSING = """
create function market.usd_missing(quoted_currency text, usd_per_unit double precision) returns text
language sql immutable parallel safe
as $$
    select case
        when usd_per_unit is not null then ''
        when quoted_currency is null then 'unknown currency'
        else 'no rate for ' || quoted_currency
    end
$$
"""

# Bars are written once and read for 20 years: a page is frozen by the first vacuum that sees it, and no later one, nor
# one against wraparound, has to write it again.
PARTITION = """
create table market.prices_{first:05} partition of market.prices for values from ({lower}) to ({upper})
with (autovacuum_freeze_min_age = 0, autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02)
"""

ROWS = """
insert into market.prices
    (symbol_id, day, open, high, low, close, volume, known_since, batch_id, close_usd, fx_date, provisional,
    usd_missing)
select symbol_id, day, open, high, low, close, volume, known_since, batch_id, close_usd, fx_date, provisional,
    coalesce(usd_missing, '')
from market.prices_before
order by symbol_id, day;
create index prices_provisional on market.prices (symbol_id) where provisional;
"""

# What somebody made of the old table, or of dbt's view of it, would go unseen with it.
NOBODY_ELSE = """
do $$
declare
    others text;
begin
    with recursive readers as (
        select 'pg_class'::regclass::oid as classid, 'market.prices_before'::regclass::oid as objid
        union
        select
            case when rules.oid is null then dependent.classid else 'pg_class'::regclass end,
            coalesce(rules.ev_class, dependent.objid)
        from readers
        inner join pg_depend as dependent
            on dependent.refclassid = readers.classid and dependent.refobjid = readers.objid
            and dependent.deptype = 'n'
        left join pg_rewrite as rules
            on dependent.classid = 'pg_rewrite'::regclass and rules.oid = dependent.objid
    )
    select string_agg(pg_describe_object(classid, objid, 0), ', ' order by objid) into others
    from readers
    where objid <> 'market.prices_before'::regclass
        and not exists (  -- dbt's view, found by its name: who migrates may not look into dbt's schema
            select from pg_class as views inner join pg_namespace as schemas on schemas.oid = views.relnamespace
            where views.oid = readers.objid and schemas.nspname = 'staging' and views.relname = 'stg_market__prices'
        )
        and not exists (  -- the table's own constraint
            select from pg_depend as part
            where part.classid = readers.classid and part.objid = readers.objid
                and part.refobjid = 'market.prices_before'::regclass and part.deptype = 'a'
        );
    if others is not null then
        raise exception 'market.prices is made anew, and % reads it: drop that first and create it again after', others;
    end if;
end
$$
"""

# For what the ledger lets go of each night. Not BRIN: new lines take the places of old ones, so that every block would
# soon hold all times.
CALLS_BY_TIME = "create index api_calls_by_time on market.api_calls (requested_at)"


def upgrade() -> None:
    op.execute(PRICES)
    bounds = ["minvalue", *(1 + SYMBOLS_A_PARTITION * number for number in range(1, PARTITIONS)), "maxvalue"]
    for number, (lower, upper) in enumerate(pairwise(bounds)):
        op.execute(PARTITION.format(first=1 + SYMBOLS_A_PARTITION * number, lower=lower, upper=upper))
    op.execute(USD_MISSING)
    op.execute(NOBODY_ELSE)
    op.execute(ROWS)
    op.execute("drop table market.prices_before cascade")
    op.execute("analyze market.prices")
    op.execute(CALLS_BY_TIME)


def downgrade() -> None:
    raise NotImplementedError("the table before had the same rows: go on with this one, or restore a backup")
