-- Set aside, with its reason and its own JSON, every row that breaks a rule; an unknown symbol is known only here. What was
-- refused before is counted on its row; one that was resolved and comes again is open again.
with refused as (
    select
        message.symbol,
        message.partition,
        message.kafka_offset,
        message.requested_at,
        message.market_time,
        message.market_date,
        coalesce(staged.day_text, staged.day::text) as day,
        coalesce(staged.reason, 'unknown_symbol') as reason,
        coalesce(
            staged.raw,
            json_build_object(
                '1. open', staged.open::text, '2. high', staged.high::text, '3. low', staged.low::text,
                '4. close', staged.close::text, '5. volume', staged.volume::text
            )::text
        ) as raw
    from STAGING as staged
    inner join batch_messages as message using (partition, kafka_offset)
    where message.known_rows is null and (staged.reason is not null or message.symbol_id is null)
),

counted as (
    select distinct on (symbol, day, reason, raw)
        refused.*, count(*) over (partition by symbol, day, reason, raw) as times
    from refused
    order by symbol, day, reason, raw, requested_at desc nulls last, partition desc, kafka_offset desc
),

kept as (
    insert into market.rejections as known
    (
        topic, symbol, day, reason, raw, partition, kafka_offset, requested_at, market_time, market_date, seen,
        first_batch_id, last_batch_id
    )
    select
        %(topic)s, symbol, day, reason, raw, partition, kafka_offset, requested_at, market_time, market_date, times,
        %(batch_id)s, %(batch_id)s
    from counted
    on conflict (topic, symbol, day, reason, raw_digest) do update
        set
            -- Driven again it is the same delivery.
            seen = known.seen + case when %(redrive)s then 0 else excluded.seen end,
            partition = excluded.partition, kafka_offset = excluded.kafka_offset,
            requested_at = excluded.requested_at, market_time = excluded.market_time,
            market_date = excluded.market_date, last_batch_id = excluded.last_batch_id, last_seen = now(),
            resolved_at = null, resolved_by_batch_id = null
    returning 1
)

select coalesce(sum(rows), 0)::bigint, coalesce(jsonb_object_agg(reason, rows), '{}')
from (select reason, sum(times) as rows from counted group by reason) as by_reason
