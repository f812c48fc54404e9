-- Of messages about days of which something is stored: bars that are new or differ are set aside, the others are only
-- counted. The stored ones are fetched by message, along the key of one partition, whatever the planner thinks of the
-- table: it reckons with a look into each partition, and `offset 0` keeps it from reading them all instead.
create temporary table stored_bars on commit drop as
select
    message.partition, message.kafka_offset, stored.day, stored.open, stored.high, stored.low, stored.close,
    stored.volume, stored.provisional
from batch_messages as message
cross join lateral (
    select prices.day, prices.open, prices.high, prices.low, prices.close, prices.volume, prices.provisional
    from market.prices
    where prices.symbol_id = message.symbol_id and prices.day between message.first_day and message.last_day
    offset 0
) as stored
where message.has_stored and message.known_rows is null;

analyze stored_bars (partition, kafka_offset, day);

-- Rates are looked up once for each currency and day of the batch.
create temporary table batch_rates on commit drop as
select quoted.currency, rates.day, rates.usd_per_unit, rates.rate_date
from (
    select currency, min(first_day) as first_day, max(last_day) as last_day from batch_messages
    where currency is not null and known_rows is null and first_day is not null
    group by currency
) as quoted
cross join lateral market.usd_rates(quoted.currency, quoted.first_day, quoted.last_day) as rates;

analyze batch_rates;

create temporary table differing_bars (
    symbol_id integer,
    day date,
    open double precision,
    high double precision,
    low double precision,
    close double precision,
    volume bigint,
    provisional boolean,
    requested_at timestamptz,
    currency text,
    usd_per_unit double precision,
    rate_date date,
    is_new boolean
) on commit drop;

with compared as (
    select
        message.symbol_id, staged.day, staged.open, staged.high, staged.low, staged.close, staged.volume,
        coalesce(staged.day > message.final_until, false) as provisional, message.requested_at, message.currency,
        stored.day is null as is_new,
        (
            staged.open, staged.high, staged.low, staged.close, staged.volume,
            coalesce(staged.day > message.final_until, false)
        ) is distinct from (
            stored.open, stored.high, stored.low, stored.close, stored.volume, stored.provisional
        ) as differs
    from STAGING as staged
    inner join batch_messages as message using (partition, kafka_offset)
    left join stored_bars as stored using (partition, kafka_offset, day)
    where
        staged.refused is null and message.known_rows is null and message.has_stored
        and (
            not message.is_outdone
            or (staged.partition, staged.kafka_offset, staged.day) not in (
                select superseded.partition, superseded.kafka_offset, superseded.day from superseded
            )
        )
),

differing as (
    insert into differing_bars
    select
        bars.symbol_id, bars.day, bars.open, bars.high, bars.low, bars.close, bars.volume, bars.provisional,
        bars.requested_at, bars.currency, rates.usd_per_unit, rates.rate_date, bars.is_new
    from compared as bars
    left join batch_rates as rates using (currency, day)
    where bars.differs
)

select count(*) filter (where not differs) as unchanged from compared
