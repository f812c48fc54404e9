-- Set aside, with its reason and its own JSON, every row that breaks a rule; an unknown symbol is known only here.
with rejected as (
    insert into market.rejected_rows (batch_id, topic, partition, kafka_offset, symbol, day, reason, raw)
    select
        %(batch_id)s, %(topic)s, staged.partition, staged.kafka_offset, staged.symbol, staged.day_text,
        coalesce(staged.reason, 'unknown_symbol'),
        coalesce(
            staged.raw,
            json_build_object(
                'open', staged.open, 'high', staged.high, 'low', staged.low, 'close', staged.close,
                'volume', staged.volume
            )::text
        )
    from STAGING as staged
    left join moved using (partition, kafka_offset)
    left join market.symbols on symbols.symbol = coalesce(moved.symbol, staged.symbol)
    where staged.reason is not null or symbols.symbol_id is null
    returning 1
)

select count(*) from rejected
