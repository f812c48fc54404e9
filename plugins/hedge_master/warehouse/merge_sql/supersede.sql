-- The newest message wins: latest request, then topic, partition, offset. A message is outdone on a stretch of days by
-- each newer one for the same symbol, in this batch or merged before.
create temporary table outdone on commit drop as
with answered as (
    select symbol_id, requested_at, %(topic)s as topic, partition, kafka_offset, first_day, last_day from batch_messages
    where first_day is not null
    union all
    select symbol_id, requested_at, topic, partition, kafka_offset, first_day, last_day from market.answers
)

select message.partition, message.kafka_offset, newer.first_day, newer.last_day
from batch_messages as message
inner join answered as newer
    on newer.symbol_id = message.symbol_id
    and (newer.requested_at, newer.topic, newer.partition, newer.kafka_offset)
    > (message.requested_at, %(topic)s, message.partition, message.kafka_offset)
where message.known_rows is null;

-- Two rows a symbol remember its newest answers, which need not cover all that was answered since an old message. One that
-- comes late, behind any newer answer, is compared with all merged answers of its symbol, which the ledger has.
insert into outdone
select message.partition, message.kafka_offset, calls.first_bar, calls.last_bar
from (
    select distinct partition, kafka_offset from outdone
) as late
inner join batch_messages as message using (partition, kafka_offset)
-- A former company is not called by the name of its ticker any more: what was asked since is about another one.
inner join market.symbols as company on company.symbol_id = message.symbol_id and company.symbol = message.symbol
inner join market.api_calls as calls
    on calls.symbol = message.symbol and calls.outcome = 'published' and calls.function = 'TIME_SERIES_DAILY'
    and calls.requested_at >= message.requested_at
inner join market.ingest_offsets as merged
    on merged.topic = calls.topic and merged.partition = calls.partition and merged.next_offset > calls.kafka_offset
where
    calls.first_bar is not null
    and (calls.requested_at, calls.topic, calls.partition, calls.kafka_offset)
    > (message.requested_at, %(topic)s, message.partition, message.kafka_offset)
    -- An answer of which nothing was possible spoke for no day.
    and not exists (
        select from market.rejections as refused
        where
            refused.topic = calls.topic and refused.partition = calls.partition
            and refused.kafka_offset = calls.kafka_offset and refused.symbol = calls.symbol
            and (refused.day is null or refused.reason = 'unknown_symbol')
    );

update batch_messages as message set is_outdone = true
from outdone
where outdone.partition = message.partition and outdone.kafka_offset = message.kafka_offset;

create temporary table superseded on commit drop as
select staged.partition, staged.kafka_offset, staged.day
from STAGING as staged
inner join outdone
    on outdone.partition = staged.partition and outdone.kafka_offset = staged.kafka_offset
    and staged.day between outdone.first_day and outdone.last_day
where staged.reason is null
union
-- Without a line in the ledger a bar itself still knows when its values were asked for.
select staged.partition, staged.kafka_offset, staged.day
from batch_messages as message
inner join STAGING as staged using (partition, kafka_offset)
inner join market.prices as stored on stored.symbol_id = message.symbol_id and stored.day = staged.day
where
    message.is_outdone and message.has_stored and staged.reason is null and stored.known_since > message.requested_at
    and (staged.open, staged.high, staged.low, staged.close, staged.volume)
    is distinct from (stored.open, stored.high, stored.low, stored.close, stored.volume);

analyze superseded;

select count(*) from superseded
