{%- set trend_windows = 8 -%}
-- one row per symbol with a complete window: its volatility now against its own history
with windows as (
    select * from {{ ref('fct_windows') }}
    where is_complete
),

cone as (
    select * from {{ ref('fct_volatility_cone') }}
),

market_date as (
    select * from {{ ref('stg_market__market_date') }}
),

last_ends as (
    select
        symbol_id,
        max(window_end) as window_end
    from windows
    group by symbol_id
),

latest as (
    select
        windows.symbol_id,
        windows.window_end,
        windows.volatility_annualised
    from windows
    inner join last_ends on windows.symbol_id = last_ends.symbol_id and windows.window_end = last_ends.window_end
),

paired as (
    select
        latest.*,
        windows.volatility_annualised as volatility,
        (windows.window_end - latest.window_end) / 7 as week,
        windows.window_end > latest.window_end - 7 * {{ trend_windows }} as is_recent
    from latest
    inner join windows on latest.symbol_id = windows.symbol_id
),

compared as (
    select
        symbol_id,
        window_end,
        volatility_annualised,
        count(volatility)::integer as windows_with_volatility,
        count(*) filter (where volatility <= volatility_annualised) as not_above,
        count(volatility) filter (where is_recent)::integer as trend_windows,
        avg(volatility) filter (where is_recent) as recent_mean,
        -- By week, not by place: a week without a window leaves its room.
        regr_slope(volatility, week) filter (where is_recent) as slope
    from paired
    group by symbol_id, window_end, volatility_annualised
)

select
    compared.symbol_id,
    market_date.market_date,
    compared.window_end,
    compared.volatility_annualised,
    compared.windows_with_volatility,
    case
        when compared.volatility_annualised is not null
            then compared.not_above::float8 / compared.windows_with_volatility
    end as volatility_percentile,
    compared.trend_windows,
    case
        when compared.trend_windows >= {{ var('least_share_of_windows') }} * {{ trend_windows }}
            then compared.slope / nullif(compared.recent_mean, 0)
    end as volatility_trend_a_week,
    two_weeks.volatility_now as volatility_two_weeks,
    one_year.volatility_now as volatility_one_year,
    two_weeks.volatility_now / nullif(one_year.volatility_now, 0) as two_weeks_to_one_year
from compared
cross join market_date
left join cone as two_weeks on compared.symbol_id = two_weeks.symbol_id and two_weeks.horizon_days = 10
left join cone as one_year on compared.symbol_id = one_year.symbol_id and one_year.horizon_days = 250
