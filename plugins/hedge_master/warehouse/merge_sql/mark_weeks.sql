-- One mark for each unbroken run of weeks that a symbol's written rows touch, and one for the week of the bar that follows,
-- whose return starts from a close that has changed.
with weeks as (
    select symbol_id, day - extract(isodow from day)::integer + 1 as week_start, max(day) as last_day
    from (
        select symbol_id, day from written_days
        union all
        select symbol_id, day from differing_bars where not is_new
    ) as written
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
