-- Remember the newest answer of each kind, so that an older one that arrives later is known for what it is, and whether the
-- same bytes may come again and change nothing. One that is driven again may speak for more days than before.
insert into market.answers as known
(
    symbol_id, outputsize, first_day, last_day, requested_at, topic, partition, kafka_offset, payload_hash, rows,
    repeatable
)
select distinct on (message.symbol_id)
    message.symbol_id, %(outputsize)s, coalesce(partial.first_day, message.first_day),
    coalesce(partial.last_day, message.last_day), message.requested_at, %(topic)s, message.partition,
    message.kafka_offset, message.payload_hash, message.rows,
    message.payload_hash is not null and message.refused = 0
    and coalesce(message.last_day <= message.final_until, true)
    and not exists (
        select from outdone
        where outdone.partition = message.partition and outdone.kafka_offset = message.kafka_offset
    )
from batch_messages as message
left join market.partial_answers as partial
    on partial.topic = %(topic)s and partial.partition = message.partition
    and partial.kafka_offset = message.kafka_offset and partial.requested_at = message.requested_at
where message.symbol_id is not null and message.first_day is not null
order by
    message.symbol_id asc, message.requested_at desc, message.partition desc, message.kafka_offset desc
on conflict (symbol_id, outputsize) do update
    set
        first_day = excluded.first_day, last_day = excluded.last_day, requested_at = excluded.requested_at,
        topic = excluded.topic, partition = excluded.partition, kafka_offset = excluded.kafka_offset,
        payload_hash = excluded.payload_hash, rows = excluded.rows, repeatable = excluded.repeatable
    where
        (excluded.requested_at, excluded.topic, excluded.partition, excluded.kafka_offset)
        >= (known.requested_at, known.topic, known.partition, known.kafka_offset)
