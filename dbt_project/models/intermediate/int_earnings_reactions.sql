-- one row per report that was given up to the market date: the first bar that can show what the market made of it
with reports as (
    select * from {{ ref('stg_market__earnings') }}
    where is_reported
),

prices as (
    select * from {{ ref('stg_market__prices') }}
),

market_date as (
    select * from {{ ref('stg_market__market_date') }}
),

-- A report before the session moves that session. One after it moves the next, and so does, we assume, one of which
-- nobody told the time: most are given after the close.
timed as (
    select
        reports.*,
        reports.report_date + (reports.report_time is distinct from 'pre-market')::integer as reacts_from
    from reports
    inner join market_date on reports.report_date <= market_date.market_date
)

select
    timed.symbol_id,
    timed.fiscal_end,
    timed.report_date,
    timed.report_time,
    timed.reported_eps,
    timed.estimated_eps,
    timed.currency,
    reaction.day as reaction_day
from timed
-- One step into the key of the prices for each report, never a walk over all days.
left join lateral (
    select prices.day
    from prices
    where prices.symbol_id = timed.symbol_id and prices.day >= timed.reacts_from
    order by prices.day
    limit 1
) as reaction on true
