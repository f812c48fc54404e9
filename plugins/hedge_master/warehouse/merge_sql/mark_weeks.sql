-- One mark for each unbroken run of weeks that a symbol's written rows touch.
with weeks as (
    select distinct symbol_id, date_trunc('week', day::timestamp)::date as week_start from written
),

runs as (
    select
        symbol_id, week_start,
        week_start - 7 * row_number() over (partition by symbol_id order by week_start)::integer as run
    from weeks
),

stretches as (
    select symbol_id, min(week_start) as first_day, max(week_start) + 6 as last_day from runs
    group by symbol_id, run
)

select sum(market.mark_changed_weeks(symbol_id, first_day, last_day, 'prices')) from stretches
