-- Messages about days of which nothing is stored come straight from staging, in the order of the key, which keeps its index
-- dense. All of their bars are written, so nothing is noted of each: their weeks are marked by message.
insert into market.prices
(
    symbol_id, day, provisional, open, high, low, close, volume, close_usd, fx_date, usd_missing, batch_id, known_since
)
select
    message.symbol_id, staged.day, coalesce(staged.day > message.final_until, false), staged.open, staged.high, staged.low,
    staged.close, staged.volume, staged.close * rates.usd_per_unit, rates.rate_date,
    market.usd_missing(message.currency, rates.usd_per_unit),
    %(batch_id)s, message.requested_at
from STAGING as staged
inner join batch_messages as message using (partition, kafka_offset)
left join batch_rates as rates on rates.currency = message.currency and rates.day = staged.day
where
    staged.refused is null and message.known_rows is null and message.symbol_id is not null and not message.has_stored
    and (
        not message.is_outdone
        or (staged.partition, staged.kafka_offset, staged.day) not in (
            select superseded.partition, superseded.kafka_offset, superseded.day from superseded
        )
    )
order by message.symbol_id, staged.day
