"""The stream's accounts: what a message was, each rejection once, what was believed before, what a batch cost."""

from alembic import op

revision = "0009"
down_revision = "0008"

# A message is described once, by its first row: 1.0 MB of text has 5,000 rows, and so many copies of its symbol and
# times cost more than the prices. `bytes` is null in its other rows. A message whose payload was recognised has one row
# alone, with `known_rows`.
STAGING = """
drop table market.staging_{suffix};
create unlogged table market.staging_{suffix} (
    partition integer not null,
    kafka_offset bigint not null,
    bytes integer,
    payload_hash bytea,
    known_rows integer,
    symbol text,
    requested_at timestamptz,
    market_time timestamptz,
    market_date date,
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

# The newest answer of a symbol, of each kind, is known by its hash, so that the same bytes need not be read again.
ANSWERS = """
alter table market.answers add column payload_hash bytea, add column rows integer,
    add column repeatable boolean not null default false;
comment on column market.answers.payload_hash is 'SHA-256 of the answer as it came';
comment on column market.answers.rows is 'bars in it';
comment on column market.answers.repeatable is
    'every bar of it was possible, final and newest when it was merged: the same bytes again change nothing';
"""

ACCOUNTS = """
alter table market.ingest_batches
    add column bytes bigint not null default 0,
    add column known_messages integer not null default 0,
    add column rejected_by_reason jsonb not null default '{}',
    add column seconds jsonb not null default '{}',
    add column lag_left bigint,
    add column redrive boolean not null default false;
comment on column market.ingest_batches.bytes is 'of the payloads, as the API sent them';
comment on column market.ingest_batches.known_messages is 'messages that were recognised by their hash and not parsed';
comment on column market.ingest_batches.seconds is 'phase -> seconds: copy (read, parse, validate, COPY), merge';
comment on column market.ingest_batches.lag_left is 'messages of the topic that were published and not yet read';

alter table market.ingest_offsets add column topic_id text;
comment on column market.ingest_offsets.topic_id is 'Kafka''s own id: a topic that was created anew has another one';
"""

# One row for each thing that was refused, however often it is delivered.
REJECTIONS = """
create table market.rejections (
    rejection_id bigint generated always as identity primary key,
    topic text not null,
    symbol text,
    day text,
    reason text not null,
    raw text,
    raw_digest uuid generated always as (md5(coalesce(raw, ''))::uuid) stored,
    partition integer not null,
    kafka_offset bigint not null,
    requested_at timestamptz,
    market_time timestamptz,
    market_date date,
    seen integer not null default 1 check (seen > 0),
    first_batch_id bigint not null,
    last_batch_id bigint not null,
    first_seen timestamptz not null default now(),
    last_seen timestamptz not null default now(),
    resolved_at timestamptz,
    resolved_by_batch_id bigint,
    check ((resolved_at is null) = (resolved_by_batch_id is null))
);
comment on column market.rejections.day is 'as delivered; null where the whole message was refused';
comment on column market.rejections.raw is 'the row''s own JSON; of a message the first 8,192 characters';
comment on column market.rejections.partition is 'with kafka_offset: where it was delivered last';
create unique index rejections_once on market.rejections (topic, symbol, day, reason, raw_digest) nulls not distinct;
create index rejections_open on market.rejections (reason, symbol) where resolved_at is null;
create index rejections_first on market.rejections (first_batch_id);

insert into market.rejections
    (topic, symbol, day, reason, raw, partition, kafka_offset, seen, first_batch_id, last_batch_id, first_seen,
    last_seen)
select
    topic, symbol, day, reason, raw, (array_agg(partition order by rejected_id desc))[1],
    (array_agg(kafka_offset order by rejected_id desc))[1], count(*), min(batch_id), max(batch_id), min(rejected_at),
    max(rejected_at)
from market.rejected_rows
group by topic, symbol, day, reason, raw;

update market.ingest_batches as batches set rejected_by_reason = counted.by_reason
from (
    select batch_id, jsonb_object_agg(reason, rows) as by_reason
    from (select batch_id, reason, count(*) as rows from market.rejected_rows group by batch_id, reason) as each
    group by batch_id
) as counted
where counted.batch_id = batches.batch_id;

drop table market.rejected_rows;
"""

# Whoever changes a rate or a split, and however: what was believed until then is kept.
BELIEVED = """
create table market.split_revisions (
    symbol_id integer not null,
    effective_date date not null,
    factor double precision not null,
    known_since timestamptz not null,
    known_until timestamptz not null,
    primary key (symbol_id, effective_date, known_until)
);
comment on table market.split_revisions is 'splits that were withdrawn or replaced, and from when to when they held';

create table market.fx_rate_revisions (
    currency text not null,
    rate_date date not null,
    usd_per_unit double precision not null,
    source text not null,
    known_since timestamptz not null,
    known_until timestamptz not null,
    primary key (currency, rate_date, known_until)
);
comment on table market.fx_rate_revisions is 'rates that were replaced, and from when to when they were believed';

create function market.keep_split() returns trigger
language plpgsql
as $$
begin
    insert into market.split_revisions values (old.symbol_id, old.effective_date, old.factor, old.known_since, now())
    on conflict do nothing;  -- replaced twice in one transaction: what stood between was never believed
    return null;
end
$$;
create trigger keep_split after delete or update of factor on market.splits
for each row execute function market.keep_split();

create function market.keep_fx_rate() returns trigger
language plpgsql
as $$
begin
    if tg_op = 'DELETE' or old.usd_per_unit <> new.usd_per_unit then
        insert into market.fx_rate_revisions
        values (old.currency, old.rate_date, old.usd_per_unit, old.source, old.known_since, now())
        on conflict do nothing;
    end if;
    return null;
end
$$;
create trigger keep_fx_rate after delete or update of usd_per_unit on market.fx_rates
for each row execute function market.keep_fx_rate();
"""

# The newest answer of each kind whose bytes may come again and change nothing: none of the other kind has spoken for
# its days since.
REPEATS = """
create view market.repeatable_answers as
select answers.symbol_id, symbols.symbol, answers.outputsize, answers.payload_hash, answers.rows,
    answers.first_day, answers.last_day, answers.requested_at, answers.topic, answers.partition, answers.kafka_offset
from market.answers
inner join market.symbols using (symbol_id)
where answers.repeatable and symbols.ticker_until is null and not exists (
    select from market.answers as other
    where other.symbol_id = answers.symbol_id and other.outputsize <> answers.outputsize
        and (other.requested_at, other.topic, other.partition, other.kafka_offset)
        > (answers.requested_at, answers.topic, answers.partition, answers.kafka_offset)
        and other.first_day <= answers.last_day and other.last_day >= answers.first_day);
"""

# The newest day whose session had closed when an answer was given; every day where the closing time is not known.
FINAL_UNTIL = """
create function market.final_until(told_at timestamptz, zone text, closes time) returns date
language sql immutable parallel safe
as $$
    select case
        when market.session_close(date '2000-01-03', zone, closes) is null then 'infinity'::date
        else (
            select max(days.day)
            from (
                select (told_at at time zone 'UTC')::date + ahead as day from generate_series(-3, 1) as ahead
            ) as days
            where market.session_close(days.day, zone, closes) <= told_at
        )
    end
$$;
"""


# The lookup stands once, for a stretch of days: the rate of the day, else the last known one of at most 7 days before,
# never a later one.
USD_RATES = """
create function market.usd_rates(quoted_currency text, first_day date, last_day date)
returns table (day date, usd_per_unit double precision, rate_date date)
language sql stable parallel safe
as $$
    with quoted as (
        select coalesce(minor.major_currency, told.currency) as major, coalesce(minor.units_per_major, 1) as units
        from (select quoted_currency as currency) as told
        left join market.currencies as minor using (currency)
    ),
    known as (
        select fx.usd_per_unit / quoted.units as usd_per_unit, fx.rate_date,
            least(fx.rate_date + 7, lead(fx.rate_date) over (order by fx.rate_date) - 1, last_day) as good_until
        from quoted
        inner join market.fx_rates as fx
            on fx.currency = quoted.major and fx.currency <> 'USD'
            and fx.rate_date between first_day - 7 and last_day
    )
    select days.day::date, 1.0::double precision / quoted.units, days.day::date
    from quoted cross join generate_series(first_day, last_day, interval '1 day') as days (day)
    where quoted.major = 'USD'
    union all
    select days.day::date, known.usd_per_unit, known.rate_date
    from known
    cross join lateral generate_series(
        greatest(known.rate_date, first_day), known.good_until, interval '1 day'
    ) as days (day)
$$;

create or replace function market.usd_rate(quoted_currency text, price_day date)
returns table (usd_per_unit double precision, rate_date date)
language sql stable parallel safe
as $$
    select rates.usd_per_unit, rates.rate_date from market.usd_rates(quoted_currency, price_day, price_day) as rates
$$;
"""

# A full answer touches 1,100 weeks in a row: one span, not 1,100 rows with two indexes.
CHANGED_SPANS = """
create table market.changed_spans (
    symbol_id integer not null,
    from_week date not null check (extract(isodow from from_week) = 1),
    to_week date not null check (extract(isodow from to_week) = 1),
    reason text not null,
    change_id bigint not null default nextval('market.change_ids'),
    marked_at timestamptz not null default now(),
    check (from_week <= to_week)
);
create index on market.changed_spans (change_id);
create index on market.changed_spans (symbol_id);
comment on table market.changed_spans is 'weeks, by their Mondays, whose bars, splits or dollars have changed';
comment on column market.changed_spans.change_id is 'rises with every mark, so a reader keeps the last one it has seen';

insert into market.changed_spans (symbol_id, from_week, to_week, reason, change_id, marked_at)
select symbol_id, min(week_start), max(week_start), reason, max(change_id), max(marked_at)
from (
    select *, week_start - 7 * row_number() over (partition by symbol_id, reason order by week_start)::integer as run
    from market.changed_weeks
) as weeks
group by symbol_id, reason, run;
drop table market.changed_weeks;

create view market.changed_weeks as
select distinct on (spans.symbol_id, weeks.week_start)
    spans.symbol_id, weeks.week_start::date as week_start, spans.reason, spans.change_id, spans.marked_at
from market.changed_spans as spans
cross join lateral generate_series(spans.from_week, spans.to_week, interval '7 days') as weeks (week_start)
order by spans.symbol_id, weeks.week_start, spans.change_id desc;

create or replace function market.mark_changed_weeks(changed_symbol_id integer, from_day date, to_day date, why text)
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
    marked as (
        insert into market.changed_spans (symbol_id, from_week, to_week, reason)
        select changed_symbol_id, date_trunc('week', first_day::timestamp)::date,
            date_trunc('week', last_day::timestamp)::date, why
        from days
        returning (to_week - from_week) / 7 + 1 as weeks
    )
    select coalesce(sum(weeks), 0)::bigint from marked
$$;
"""

# Every row comes by a join with market.symbols: the key's trigger cost a third of the insert and never refused one.
PRICES = "alter table market.prices drop constraint prices_symbol_id_fkey"


def upgrade() -> None:
    for suffix in ("daily_prices", "price_history"):
        op.execute(STAGING.format(suffix=suffix))
    for statement in (ANSWERS, ACCOUNTS, REJECTIONS, BELIEVED, REPEATS, FINAL_UNTIL, USD_RATES, CHANGED_SPANS, PRICES):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("rejections that were counted cannot be told apart again: restore a backup instead")
