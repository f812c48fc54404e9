-- Store the days that are not stored yet, in the order of the key, which keeps its index dense. Messages about days of which
-- nothing is stored come straight from staging.
create temporary table written_days (symbol_id integer, day date) on commit drop;  -- of each week the last one

with bars as (
    select
        message.symbol_id, staged.day, coalesce(staged.day > message.final_until, false) as provisional, staged.open,
        staged.high, staged.low, staged.close, staged.volume, message.currency, message.requested_at
    from STAGING as staged
    inner join batch_messages as message using (partition, kafka_offset)
    where
        staged.reason is null and message.known_rows is null and message.symbol_id is not null
        and not message.has_stored
        and (
            not message.is_outdone
            or (staged.partition, staged.kafka_offset, staged.day) not in (
                select superseded.partition, superseded.kafka_offset, superseded.day from superseded
            )
        )
    union all
    select symbol_id, day, provisional, open, high, low, close, volume, currency, requested_at from differing_bars
    where is_new
),

new as (
    insert into market.prices
    (
        symbol_id, day, provisional, open, high, low, close, volume, close_usd, fx_date, usd_missing, batch_id,
        known_since
    )
    select
        bars.symbol_id, bars.day, bars.provisional, bars.open, bars.high, bars.low, bars.close, bars.volume,
        bars.close * rates.usd_per_unit, rates.rate_date,
        case
            when rates.usd_per_unit is not null then ''
            when bars.currency is null then 'unknown currency'
            else 'no rate for ' || bars.currency
        end,
        %(batch_id)s, bars.requested_at
    from bars
    left join batch_rates as rates using (currency, day)
    order by bars.symbol_id, bars.day
    returning symbol_id, day
),

noted as (
    insert into written_days select symbol_id, max(day) from new group by symbol_id, (day - date '0001-01-01') / 7
)

select count(*) as new from new
