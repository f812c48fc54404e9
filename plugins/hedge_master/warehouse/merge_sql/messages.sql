-- One row a Kafka message: what it answers for. A message speaks for all days between its first and its last bar, and for
-- the company that had its ticker when it was asked for: the holder of today may have been listed later.
create temporary table batch_messages on commit drop as
with delivered as (
    select
        partition,
        kafka_offset,
        symbol,
        requested_at,
        market_time,
        outputsize,
        count(*) as rows,
        min(day) filter (where reason is null) as first_day,
        max(day) filter (where reason is null) as last_day
    from STAGING
    group by partition, kafka_offset, symbol, requested_at, market_time, outputsize
)

select
    delivered.partition,
    delivered.kafka_offset,
    coalesce(former.symbol_id, holder.symbol_id) as symbol_id,
    delivered.requested_at,
    delivered.outputsize,
    delivered.rows,
    delivered.first_day,
    delivered.last_day
from delivered
left join market.symbols as holder on holder.symbol = delivered.symbol
left join lateral (
    select companies.symbol_id
    from market.symbols as companies
    where
        companies.ticker = delivered.symbol and companies.ticker_until is not null
        and (delivered.market_time at time zone 'UTC')::date < holder.listed_on
    order by companies.ticker_until desc
    limit 1
) as former on true;

analyze batch_messages;

-- Rarely any: messages about former companies, under the name of their row. Joined apart from the rest, since the planner
-- knows nothing of a staging table: a join of all its rows by partition and offset cost ten seconds a batch.
create temporary table moved on commit drop as
select message.partition, message.kafka_offset, companies.symbol
from batch_messages as message
inner join market.symbols as companies on message.symbol_id = companies.symbol_id
where companies.ticker_until is not null;

analyze moved
