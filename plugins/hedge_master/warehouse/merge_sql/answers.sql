-- Remember the newest answer of each kind, so that an older one that arrives later is known for what it is.
insert into market.answers as known
(symbol_id, outputsize, first_day, last_day, requested_at, topic, partition, kafka_offset)
select distinct on (symbol_id)
    symbol_id, %(outputsize)s, first_day, last_day, requested_at, %(topic)s, partition, kafka_offset
from batch_messages
where symbol_id is not null and first_day is not null
order by symbol_id, requested_at desc, partition desc, kafka_offset desc
on conflict (symbol_id, outputsize) do update
    set
        first_day = excluded.first_day, last_day = excluded.last_day, requested_at = excluded.requested_at,
        topic = excluded.topic, partition = excluded.partition, kafka_offset = excluded.kafka_offset
    where
        (excluded.requested_at, excluded.topic, excluded.partition, excluded.kafka_offset)
        > (known.requested_at, known.topic, known.partition, known.kafka_offset)
