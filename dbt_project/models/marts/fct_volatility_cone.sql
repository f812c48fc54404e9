{%- set horizons = cone_horizons() -%}
-- one row per symbol and horizon: how its volatility over so many trading days has been, and is now
with rolling as (
    select
        {% for n in horizons %}
            volatility_{{ n }},
            first_value(volatility_{{ n }}) over newest_first as now_{{ n }},
        {% endfor %}
        symbol_id,
        day
    from {{ ref('int_rolling_volatility') }}
    window
        newest_first as (
            partition by symbol_id
            order by days_back
            rows between unbounded preceding and current row
        )
),

summarised as (
    select
        symbol_id,
        {% for n in horizons %}
            count(volatility_{{ n }})::integer as values_{{ n }},
            min(now_{{ n }}) as now_{{ n }},
            count(*) filter (where volatility_{{ n }} <= now_{{ n }}) as not_above_{{ n }},
            percentile_cont(array[0, .25, .5, .75, 1]) within group (order by volatility_{{ n }}) as quartiles_{{ n }},
        {% endfor %}
        max(day) as last_day
    from rolling
    group by symbol_id
)

select
    summarised.symbol_id,
    by_horizon.horizon_days,
    summarised.last_day,
    by_horizon.rolling_values,
    by_horizon.quartiles[1] as least_volatility,
    by_horizon.quartiles[2] as lower_quartile,
    by_horizon.quartiles[3] as median_volatility,
    by_horizon.quartiles[4] as upper_quartile,
    by_horizon.quartiles[5] as greatest_volatility,
    by_horizon.now as volatility_now,
    by_horizon.not_above::float8 / nullif(by_horizon.rolling_values, 0) as percentile_now
from summarised
cross join lateral (
    values
    {% for n in horizons %}
        ({{ n }}, values_{{ n }}, quartiles_{{ n }}, now_{{ n }}, not_above_{{ n }}){{ ',' if not loop.last }}
    {% endfor %}
) as by_horizon (horizon_days, rolling_values, quartiles, now, not_above)
