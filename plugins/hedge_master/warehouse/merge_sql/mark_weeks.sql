-- One mark for each unbroken run of weeks that a symbol's written rows touch, and one for the week of the bar that follows,
-- whose return starts from a close that has changed. A message that was stored whole marks all weeks between its first and
-- its last bar: one without a bar has nothing to be computed.
with weeks as (
    select symbol_id, day - extract(isodow from day)::integer + 1 as week_start, max(day) as last_day
    from differing_bars
    group by symbol_id, week_start
),

runs as (
    select
        weeks.*,
        week_start - 7 * row_number() over (partition by symbol_id order by week_start)::integer as run
    from weeks
),

stretches as (
    select symbol_id, min(week_start) as from_week, max(week_start) as to_week, max(last_day) as last_day from runs
    group by symbol_id, run
    union
    select
        symbol_id, first_day - extract(isodow from first_day)::integer + 1,
        last_day - extract(isodow from last_day)::integer + 1, last_day
    from batch_messages
    where symbol_id is not null and known_rows is null and not has_stored and first_day is not null
),

following as (
    select stretches.symbol_id, next_bar.day - extract(isodow from next_bar.day)::integer + 1 as week_start
    from stretches
    cross join lateral (
        select prices.day from market.prices
        where prices.symbol_id = stretches.symbol_id and prices.day > stretches.last_day
        order by prices.day
        limit 1
    ) as next_bar
    where next_bar.day > stretches.to_week + 6
)

insert into market.changed_spans (symbol_id, from_week, to_week, reason)
select symbol_id, from_week, to_week, 'prices' from stretches
union all
select symbol_id, week_start, week_start, 'prices' from following
