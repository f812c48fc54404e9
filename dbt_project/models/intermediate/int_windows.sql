{%- set groups = {'prices': 'price', 'returns': 'return', 'returns_usd': 'return_usd'} -%}
-- one row per symbol and two-week window in which it traded; windows move in steps of one week
with weeks as (
    select * from {{ ref('int_weeks') }}
),

market_date as (
    select * from {{ ref('stg_market__market_date') }}
),

-- Each week is the first of one window and the second of another.
halves as (
    select
        weeks.*,
        weeks.week_start - 7 * half.position as window_start,
        half.position
    from weeks
    cross join (values (0), (1)) as half (position)
),

pairs as (
    select
        symbol_id,
        window_start,
        {% for count, name in groups.items() %}
            {% for position in (0, 1) %}
                coalesce(max({{ count }}) filter (where position = {{ position }}), 0) as {{ count }}_{{ position }},
                max({{ name }}_mean) filter (where position = {{ position }}) as {{ name }}_mean_{{ position }},
                coalesce(max({{ name }}_m2) filter (where position = {{ position }}), 0)
                    as {{ name }}_m2_{{ position }},
            {% endfor %}
        {% endfor %}
        sum(days)::integer as days
    from halves
    group by symbol_id, window_start
),

merged as (
    select
        symbol_id,
        window_start,
        {% for count, name in groups.items() %}
            {{ count }}_0 + {{ count }}_1 as {{ count }},
            {{ merged_mean(count ~ '_0', name ~ '_mean_0', count ~ '_1', name ~ '_mean_1') }} as {{ name }}_mean,
            {{ merged_squared_deviations(
                count ~ '_0', name ~ '_mean_0', name ~ '_m2_0', count ~ '_1', name ~ '_mean_1', name ~ '_m2_1'
            ) }} as {{ name }}_m2,
        {% endfor %}
        days
    from pairs
),

measured as (
    select
        *,
        window_start + 13 as window_end,
        case when prices > 1 then sqrt(price_m2 / (prices - 1)) end as price_deviation_usd
    from merged
)

select
    measured.symbol_id,
    measured.window_start,
    measured.window_end,
    measured.window_end <= market_date.market_date as is_complete,
    measured.days,
    measured.returns,
    measured.price_mean as average_price_usd,
    measured.price_deviation_usd,
    measured.price_deviation_usd / measured.price_mean as deviation_pct,
    {{ annualised_volatility('measured.returns', 'measured.return_m2') }} as volatility_annualised,
    {{ annualised_volatility('measured.returns_usd', 'measured.return_usd_m2') }} as volatility_usd_annualised
from measured
cross join market_date
where measured.window_start <= market_date.market_date
