-- one row per symbol that has reported or is expected to: its moves on reports, and the next one
with moves as (
    select * from {{ ref('fct_earnings_moves') }}
),

expected as (
    select earnings.*
    from {{ ref('stg_market__earnings') }} as earnings
    inner join {{ ref('stg_market__market_date') }} as market_date
        on earnings.report_date >= market_date.market_date
    where not earnings.is_reported
),

summarised as (
    select
        symbol_id,
        count(*)::integer as reports,
        count(absolute_move)::integer as measured_reports,
        count(*) filter (where is_time_assumed)::integer as reports_with_time_assumed,
        max(report_date) as last_report_date,
        percentile_cont(0.5) within group (order by absolute_move) as median_absolute_move,
        max(absolute_move) as greatest_absolute_move,
        count(move_to_usual)::integer as compared_reports,
        percentile_cont(0.5) within group (order by move_to_usual) as median_move_to_usual
    from moves
    group by symbol_id
),

-- The nearest; of two on one day the older quarter's.
numbered as (
    select
        *,
        row_number() over (partition by symbol_id order by report_date, fiscal_end) as place
    from expected
),

upcoming as (
    select * from numbered
    where place = 1
)

select
    coalesce(summarised.symbol_id, upcoming.symbol_id) as symbol_id,
    coalesce(summarised.reports, 0) as reports,
    coalesce(summarised.measured_reports, 0) as measured_reports,
    coalesce(summarised.reports_with_time_assumed, 0) as reports_with_time_assumed,
    summarised.last_report_date,
    summarised.median_absolute_move,
    summarised.greatest_absolute_move,
    coalesce(summarised.compared_reports, 0) as compared_reports,
    summarised.median_move_to_usual,
    upcoming.report_date as next_report_date,
    upcoming.report_time as next_report_time,
    upcoming.fiscal_end as next_fiscal_end,
    upcoming.estimated_eps as next_estimated_eps
from summarised
full join upcoming on summarised.symbol_id = upcoming.symbol_id
