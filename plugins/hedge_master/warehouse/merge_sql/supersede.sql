-- The newest message wins: latest request, then topic, partition, offset. A message is outdone on a stretch of days by
-- each newer one for the same symbol, in this batch or merged before.
create temporary table outdone on commit drop as
with newer as (
    select symbol_id, requested_at, %(topic)s as topic, partition, kafka_offset, first_day, last_day from batch_messages
    where first_day is not null
    union all
    select symbol_id, requested_at, topic, partition, kafka_offset, first_day, last_day from market.answers
)

select message.partition, message.kafka_offset, newer.first_day, newer.last_day
from batch_messages as message
inner join newer
    on newer.symbol_id = message.symbol_id
    and (newer.requested_at, newer.topic, newer.partition, newer.kafka_offset)
    > (message.requested_at, %(topic)s, message.partition, message.kafka_offset);

-- Messages that come late, behind any newer answer for their symbol: only their rows are compared with the store below.
create temporary table late on commit drop as
select distinct message.partition, message.kafka_offset, message.symbol_id
from batch_messages as message
inner join market.answers as answer
    on answer.symbol_id = message.symbol_id
    and (answer.requested_at, answer.topic, answer.partition, answer.kafka_offset)
    > (message.requested_at, %(topic)s, message.partition, message.kafka_offset);

create temporary table superseded on commit drop as
select staged.partition, staged.kafka_offset, staged.day
from STAGING as staged
where
    staged.reason is null
    and exists (
        select from batch_messages as known
        where
            known.partition = staged.partition and known.kafka_offset = staged.kafka_offset
            and known.symbol_id is not null
    )
    and exists (
        select from outdone
        where
            outdone.partition = staged.partition and outdone.kafka_offset = staged.kafka_offset
            and staged.day between outdone.first_day and outdone.last_day
    )
union
-- market.answers remembers the newest answer of each kind only: a bar itself knows when it was last asked for.
select staged.partition, staged.kafka_offset, staged.day
from STAGING as staged
inner join late on staged.partition = late.partition and staged.kafka_offset = late.kafka_offset
inner join market.prices as stored on late.symbol_id = stored.symbol_id and staged.day = stored.day
where
    staged.reason is null and stored.known_since > staged.requested_at
    and (staged.open, staged.high, staged.low, staged.close, staged.volume)
    is distinct from (stored.open, stored.high, stored.low, stored.close, stored.volume);

select count(*) from superseded
