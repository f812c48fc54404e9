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
        case when staged.refused ->> 'day' is null and staged.day is null then message.payload_hash end as payload_hash,
        coalesce(staged.refused ->> 'day', staged.day::text) as day,
        coalesce(staged.refused ->> 'reason', 'unknown_symbol') as reason,
        coalesce(
            staged.refused ->> 'raw',
            json_build_object(
                '1. open', staged.open::text, '2. high', staged.high::text, '3. low', staged.low::text,
                '4. close', staged.close::text, '5. volume', staged.volume::text
            )::text
        ) as raw
    from STAGING as staged
    inner join batch_messages as message using (partition, kafka_offset)
    where
        message.known_rows is null and (staged.refused is not null or message.symbol_id is null)
        -- So that staging is not read where no message has anything refused.
        and (message.refused > 0 or message.symbol_id is null)
),

counted as (
    select distinct on (symbol, day, reason, raw, payload_hash)
        refused.*, count(*) over (partition by symbol, day, reason, raw, payload_hash) as times
    from refused
    order by symbol, day, reason, raw, payload_hash, requested_at desc nulls last, partition desc, kafka_offset desc
),

kept as (
    insert into market.rejections as known
    (
        topic, symbol, day, reason, raw, payload_hash, partition, kafka_offset, requested_at, market_time, market_date,
        seen, first_batch_id, last_batch_id
    )
    select
        %(topic)s, symbol, day, reason, raw, payload_hash, partition, kafka_offset, requested_at, market_time,
        market_date, times, %(batch_id)s, %(batch_id)s
    from counted
    on conflict (topic, symbol, day, reason, raw_digest) do update
        set
            -- Driven again it is the same delivery.
            seen = known.seen + case when %(redrive)s then 0 else excluded.seen end,
            -- An old answer that comes late has not told it last: driven again, it must not lose against its own repeat.
            (partition, kafka_offset, requested_at, market_time, market_date) = (
                select newest.partition, newest.kafka_offset, newest.requested_at, newest.market_time, newest.market_date
                from (
                    values
                    (known.partition, known.kafka_offset, known.requested_at, known.market_time, known.market_date),
                    (
                        excluded.partition, excluded.kafka_offset, excluded.requested_at, excluded.market_time,
                        excluded.market_date
                    )
                ) as newest (partition, kafka_offset, requested_at, market_time, market_date)
                order by newest.requested_at desc nulls last, newest.partition desc, newest.kafka_offset desc
                limit 1
            ),
            last_batch_id = excluded.last_batch_id,
            last_seen = case when %(redrive)s then known.last_seen else now() end,
            resolved_at = null, resolved_by_batch_id = null, gone_at = null, gone_run_id = null,
            closed_at = case when %(redrive)s then known.closed_at end,
            closed_because = case when %(redrive)s then known.closed_because end
    returning 1
)

select coalesce(sum(rows), 0)::bigint, coalesce(jsonb_object_agg(reason, rows), '{}')
from (select reason, sum(times) as rows from counted group by reason) as by_reason
