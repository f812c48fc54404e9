-- Messages whose bytes are those of their symbol's newest answer: all their rows are as stored. `doubtful`: it is not so any
-- more, since something else was merged, or comes in this very batch, between the look and the merge.
select
    coalesce(sum(message.rows), 0)::bigint as unchanged,
    count(*) as messages,
    count(*) filter (
        where known.symbol_id is null
        or exists (
            select from batch_messages as other
            where
                other.symbol_id = message.symbol_id
                and (other.partition, other.kafka_offset) <> (message.partition, message.kafka_offset)
        )
    ) as doubtful
from batch_messages as message
left join market.repeatable_answers as known
    on known.symbol_id = message.symbol_id and known.outputsize = %(outputsize)s
    and known.payload_hash = message.payload_hash and known.rows = message.known_rows
    and (known.requested_at, known.topic, known.partition, known.kafka_offset)
    < (message.requested_at, %(topic)s, message.partition, message.kafka_offset)
where message.known_rows is not null
