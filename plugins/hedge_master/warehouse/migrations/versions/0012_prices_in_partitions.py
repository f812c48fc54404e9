"""Prices in partitions of 5,000 symbols, in rows without padding and without nulls; see docs/decisions/0014.

It writes every stored bar once more, in one transaction, and holds the table meanwhile: a warehouse of 400M rows needs
an hour and room for 53 GB beside the 59 GB of the old table, which go when it commits. A failure leaves the old table
as it was. dbt's views of the table go with it; the next build makes them anew.
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

# A view that somebody made would go unseen with the old table. Those in schema staging are dbt's.
NO_OTHER_VIEWS = """
do $$
declare
    others text;
begin
    select string_agg(distinct dependent.oid::regclass::text, ', ') into others
    from pg_depend
    inner join pg_rewrite on pg_rewrite.oid = pg_depend.objid and pg_depend.classid = 'pg_rewrite'::regclass
    inner join pg_class as dependent on dependent.oid = pg_rewrite.ev_class
    where pg_depend.refobjid = 'market.prices_before'::regclass
        and dependent.relnamespace is distinct from to_regnamespace('staging');
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
    op.execute(NO_OTHER_VIEWS)
    op.execute(ROWS)
    op.execute("drop table market.prices_before cascade")
    op.execute("analyze market.prices")
    op.execute(CALLS_BY_TIME)


def downgrade() -> None:
    raise NotImplementedError("the table before had the same rows: go on with this one, or restore a backup")
