-- One row a Kafka message: what it answers for. A message speaks for all days between its first and its last bar.
create temporary table batch_messages on commit drop as
select
    staged.partition,
    staged.kafka_offset,
    symbols.symbol_id,
    staged.requested_at,
    staged.outputsize,
    count(*) as rows,
    min(staged.day) filter (where staged.reason is null) as first_day,
    max(staged.day) filter (where staged.reason is null) as last_day
from STAGING as staged
left join market.symbols on symbols.symbol = staged.symbol
group by staged.partition, staged.kafka_offset, symbols.symbol_id, staged.requested_at, staged.outputsize;

analyze batch_messages
