-- Store the days that are not stored yet, in the order of the key, which keeps its index dense.
create temporary table written_days (symbol_id integer, day date) on commit drop;

with new as (
    insert into market.prices
    (
        symbol_id, day, provisional, open, high, low, close, volume, close_usd, fx_date, usd_missing, batch_id,
        known_since
    )
    select
        message.symbol_id, staged.day, coalesce(staged.day > message.final_until, false), staged.open, staged.high,
        staged.low, staged.close, staged.volume, staged.close * rates.usd_per_unit, rates.rate_date,
        case
            when rates.usd_per_unit is not null then null
            when message.currency is null then 'unknown currency'
            else 'no rate for ' || message.currency
        end,
        %(batch_id)s, message.requested_at
    from STAGING as staged
    inner join batch_messages as message using (partition, kafka_offset)
    left join stored_bars as stored using (partition, kafka_offset, day)
    left join batch_rates as rates on rates.currency = message.currency and rates.day = staged.day
    where
        staged.reason is null and message.known_rows is null and message.symbol_id is not null
        and (
            not message.is_outdone
            or (staged.partition, staged.kafka_offset, staged.day) not in (
                select superseded.partition, superseded.kafka_offset, superseded.day from superseded
            )
        )
        and stored.day is null
    order by message.symbol_id, staged.day
    returning symbol_id, day
),

noted as (
    insert into written_days select symbol_id, day from new
)

select count(*) as new from new
