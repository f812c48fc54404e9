-- One row a Kafka message: what it is and what it answers for. A message speaks for all days between its first and its last
-- bar, and for the company that had its ticker when it was asked for: the holder of today may have been listed later.
--
-- The planner knows nothing of a table that was just filled; its plan without these columns took minutes.
analyze STAGING (partition, kafka_offset, day, refused, head);

-- Both are worked out once, whatever it expects: one row in thousands is a head, and now and then its sample has none. It
-- would then group all of staging again for each.
create temporary table batch_messages on commit drop as
with heads as materialized (
    select
        staged.partition, staged.kafka_offset, told.bytes, decode(told.payload_hash, 'hex') as payload_hash,
        told.known_rows, told.symbol, told.requested_at, told.market_time, told.market_date
    from STAGING as staged
    cross join lateral json_to_record(staged.head) as told (
        bytes integer, payload_hash text, known_rows integer, symbol text, requested_at timestamptz,
        market_time timestamptz, market_date date
    )
    where staged.head is not null
),

contents as materialized (
    select
        partition,
        kafka_offset,
        count(*) as staged_rows,
        count(refused) as refused,
        min(day) filter (where refused is null) as first_day,
        max(day) filter (where refused is null) as last_day
    from STAGING
    group by partition, kafka_offset
)

select
    heads.partition,
    heads.kafka_offset,
    heads.bytes,
    heads.payload_hash,
    heads.known_rows,
    heads.symbol,
    heads.requested_at,
    heads.market_time,
    heads.market_date,
    contents.staged_rows,
    coalesce(heads.known_rows, contents.staged_rows) as rows,
    contents.refused,
    coalesce(contents.first_day, known.first_day) as first_day,
    coalesce(contents.last_day, known.last_day) as last_day,
    company.symbol_id,
    company.currency,
    market.final_until(heads.market_time, company.timezone, company.closes) as final_until,
    -- Where nothing is stored of the symbol in these days, all bars are new: nothing to compare with.
    exists (
        select from market.prices as stored
        where
            stored.symbol_id = company.symbol_id
            and stored.day between contents.first_day and contents.last_day
    ) as has_stored,
    false as is_outdone
from heads
inner join contents using (partition, kafka_offset)
left join market.symbols as holder on holder.symbol = heads.symbol
left join lateral (
    select companies.symbol_id
    from market.symbols as companies
    where
        companies.ticker = heads.symbol and companies.ticker_until is not null
        and (heads.market_time at time zone 'UTC')::date < holder.listed_on
    order by companies.ticker_until desc
    limit 1
) as former on true
left join market.symbols as company on company.symbol_id = coalesce(former.symbol_id, holder.symbol_id)
left join market.repeatable_answers as known
    on heads.known_rows is not null and known.symbol_id = company.symbol_id and known.outputsize = %(outputsize)s
    and known.payload_hash = heads.payload_hash and known.rows = heads.known_rows;

analyze batch_messages
