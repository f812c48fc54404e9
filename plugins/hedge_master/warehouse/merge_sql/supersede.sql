-- An answer speaks for the days between its first and its last possible bar. What it had refused says nothing of its day:
-- that is left to the newest answer with a possible bar, in whatever order the two arrive. Of an answer that is driven
-- again only some rows are here: they add to what is known of it.
with refusing as (
    select
        message.partition, message.kafka_offset, message.requested_at,
        min(staged.day) filter (where is_possible) as first_day,
        max(staged.day) filter (where is_possible) as last_day,
        array_agg(staged.day::text) filter (where is_possible) as possible_days,
        array_agg(coalesce(staged.refused ->> 'day', staged.day::text)) filter (where not is_possible) as refused_days
    from batch_messages as message
    inner join STAGING as staged using (partition, kafka_offset)
    cross join lateral (
        select staged.refused is null and message.symbol_id is not null as is_possible
    ) as judged
    where
        message.known_rows is null and message.requested_at is not null
        and (
            message.refused > 0 or message.symbol_id is null
            or exists (
                select from market.partial_answers as known
                where
                    known.topic = %(topic)s and known.partition = message.partition
                    and known.kafka_offset = message.kafka_offset and known.requested_at = message.requested_at
            )
        )
    group by message.partition, message.kafka_offset, message.requested_at
)

insert into market.partial_answers (topic, partition, kafka_offset, requested_at, first_day, last_day, refused_days)
select
    %(topic)s, refusing.partition, refusing.kafka_offset, refusing.requested_at,
    least(known.first_day, refusing.first_day), greatest(known.last_day, refusing.last_day),
    array(
        select refused.day from unnest(known.refused_days || refusing.refused_days) as refused (day)
        where refused.day is not null
        except
        select possible.day from unnest(refusing.possible_days) as possible (day)
        order by 1
    )
from refusing
left join market.partial_answers as known
    on known.topic = %(topic)s and known.partition = refusing.partition
    and known.kafka_offset = refusing.kafka_offset and known.requested_at = refusing.requested_at
on conflict (topic, partition, kafka_offset, requested_at) do update
    set
        first_day = excluded.first_day, last_day = excluded.last_day, refused_days = excluded.refused_days;

-- The newest message wins: latest request, then topic, partition, offset. A message is outdone on a stretch of days by
-- each newer one for the same symbol, in this batch or merged before.
create temporary table outdone on commit drop as
with answered as (
    select symbol_id, requested_at, %(topic)s as topic, partition, kafka_offset, first_day, last_day from batch_messages
    where first_day is not null
    union all
    select symbol_id, requested_at, topic, partition, kafka_offset, first_day, last_day from market.answers
)

select
    message.partition, message.kafka_offset, coalesce(partial.first_day, newer.first_day) as first_day,
    coalesce(partial.last_day, newer.last_day) as last_day, partial.refused_days
from batch_messages as message
inner join answered as newer
    on newer.symbol_id = message.symbol_id
    and (newer.requested_at, newer.topic, newer.partition, newer.kafka_offset)
    > (message.requested_at, %(topic)s, message.partition, message.kafka_offset)
left join market.partial_answers as partial
    on partial.topic = newer.topic and partial.partition = newer.partition
    and partial.kafka_offset = newer.kafka_offset and partial.requested_at = newer.requested_at
where message.known_rows is null;

-- Two rows a symbol remember its newest answers, which need not cover all that was answered since an old message. One that
-- comes late, behind any newer answer, is compared with all merged answers of its symbol, which the ledger has.
insert into outdone
select
    message.partition, message.kafka_offset,
    case when partial.topic is null then calls.first_bar else partial.first_day end,
    case when partial.topic is null then calls.last_bar else partial.last_day end,
    partial.refused_days
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
    on merged.topic = calls.topic and merged.partition = calls.partition
    and (merged.next_offset > calls.kafka_offset or calls.finished_at < merged.topic_since)
-- The ledger has the days of the payload as it was published, possible or not.
left join market.partial_answers as partial
    on partial.topic = calls.topic and partial.partition = calls.partition
    and partial.kafka_offset = calls.kafka_offset and partial.requested_at = calls.requested_at
where
    calls.first_bar is not null
    and (calls.requested_at, calls.topic, calls.partition, calls.kafka_offset)
    > (message.requested_at, %(topic)s, message.partition, message.kafka_offset);

update batch_messages as message set is_outdone = true
from outdone
where outdone.partition = message.partition and outdone.kafka_offset = message.kafka_offset;

create temporary table superseded on commit drop as
select staged.partition, staged.kafka_offset, staged.day
from STAGING as staged
inner join outdone
    on outdone.partition = staged.partition and outdone.kafka_offset = staged.kafka_offset
    and staged.day between outdone.first_day and outdone.last_day
where staged.refused is null and staged.day::text <> all(coalesce(outdone.refused_days, '{}'))
union
-- Without a line in the ledger a bar itself still knows when its values were asked for.
select staged.partition, staged.kafka_offset, staged.day
from batch_messages as message
inner join STAGING as staged using (partition, kafka_offset)
cross join lateral (
    select * from market.prices
    where prices.symbol_id = message.symbol_id and prices.day = staged.day
    offset 0
) as stored
where
    message.is_outdone and message.has_stored and staged.refused is null and stored.known_since > message.requested_at
    and (
        staged.open, staged.high, staged.low, staged.close, staged.volume,
        coalesce(staged.day > message.final_until, false)
    ) is distinct from (
        stored.open, stored.high, stored.low, stored.close, stored.volume, stored.provisional
    );

analyze superseded;

select count(*) from superseded
