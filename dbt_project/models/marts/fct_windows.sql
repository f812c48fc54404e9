{{ config(
    materialized='incremental',
    incremental_strategy='follow_changes',
    unique_key=['symbol_id', 'window_start'],
    on_schema_change='fail',
    indexes=[{'columns': ['symbol_id', 'window_start'], 'unique': true}],
    pre_hook="{{ leave_new_pages_uncompressed() }}",
    post_hook=["{{ remember_changes(this) }}", "{{ analyze_when_new(this, ['symbol_id', 'window_start']) }}"]
) }}
{#- Series of int_weeks -> the count of its values. -#}
{%- set prices = {'close': 'days', 'close_usd': 'prices_usd'} -%}
{%- set returns = {
    'return': 'returns',
    'return_usd': 'returns_usd',
    'return_beside_usd': 'returns_usd',
    'overnight': 'yang_zhang_bars',
    'open_to_close': 'yang_zhang_bars',
} -%}
{%- set counts = ['days', 'prices_usd', 'returns', 'returns_usd', 'bars', 'yang_zhang_bars'] -%}
{%- set sums = [
    'high_low_squares', 'open_to_close_squares', 'rogers_satchell_sum', 'yang_zhang_rogers_satchell_sum', 'turnover_usd'
] -%}
-- one row per symbol and two-week window in which it traded, the one that has begun included
-- A row depends on its two rows of int_weeks and the market date.
with
{% if is_incremental() %}
    changed as (
        {{ changed_ranges(this, 'window_start', {'window_starts': 7, 'weeks': 14}) }}
    ),

    weeks as (
        select week.*
        from changed
        cross join lateral unnest(changed.weeks) as stretch (span)
        cross join lateral (
            select known.* from {{ ref('int_weeks') }} as known
            where
                known.symbol_id = changed.symbol_id
                and known.week_start >= lower(stretch.span)
                and known.week_start < upper(stretch.span)
            order by known.week_start
        ) as week
    ),
{% else %}
    -- Not materialized: named twice, it would else be copied whole. In its order, in which the windows are stored then:
    -- a hash join is dearer, and scatters the windows of a symbol.
    weeks as not materialized (
        select * from {{ ref('int_weeks') }}
        order by symbol_id, week_start
        offset 0
    ),
{% endif %}

market_date as (
    select * from {{ ref('stg_market__market_date') }}
),

-- Each week is the first of one window and the second of another; the other half of either may be missing.
merged as (
    select
        coalesce(one.symbol_id, two.symbol_id) as symbol_id,
        coalesce(one.week_start, two.week_start - 7) as window_start,
        {% for series, n in prices.items() %}
            {% set difference = difference_of_means(
                'one.' ~ n, 'one.' ~ series ~ '_sum', 'one.' ~ series ~ '_sum_rest',
                'two.' ~ n, 'two.' ~ series ~ '_sum', 'two.' ~ series ~ '_sum_rest'
            ) %}
            (
                {{ merged_sum('one.' ~ series ~ '_sum', 'two.' ~ series ~ '_sum') }}
                + {{ merged_sum('one.' ~ series ~ '_sum_rest', 'two.' ~ series ~ '_sum_rest') }}
            ) / nullif({{ merged_count('one.' ~ n, 'two.' ~ n) }}, 0) as {{ series }}_mean,
            {{ merged_m2('one.' ~ n, 'one.' ~ series ~ '_m2', 'two.' ~ n, 'two.' ~ series ~ '_m2', difference) }}
                as {{ series }}_m2,
        {% endfor %}
        {% for series, n in returns.items() %}
            {% set difference = '(two.' ~ series ~ '_mean - one.' ~ series ~ '_mean)' %}
            {{ merged_m2('one.' ~ n, 'one.' ~ series ~ '_m2', 'two.' ~ n, 'two.' ~ series ~ '_m2', difference) }}
                as {{ series }}_m2,
        {% endfor %}
        {% for column in sums %}
            {{ merged_sum('one.' ~ column, 'two.' ~ column) }} as {{ column }},
        {% endfor %}
        {% for column in counts %}
            {{ merged_count('one.' ~ column, 'two.' ~ column) }} as {{ column }},
        {% endfor %}
        greatest(one.greatest_absolute_move, two.greatest_absolute_move) as greatest_absolute_move
    from weeks as one
    full join weeks as two on one.symbol_id = two.symbol_id and one.week_start + 7 = two.week_start
    -- Keeps Postgres from merging each sum again for each measure that it is in.
    offset 0  -- noqa: AM09
),

measured as (
    select
        *,
        case when days > 1 then sqrt(close_m2 / (days - 1)) end as price_deviation,
        case when prices_usd > 1 then sqrt(close_usd_m2 / (prices_usd - 1)) end as price_deviation_usd
    from merged
)

select
    measured.symbol_id,
    measured.window_start,
    measured.window_start + 13 as window_end,
    measured.window_start + 13 <= market_date.market_date as is_complete,
    measured.days,
    measured.returns,
    measured.bars,
    measured.close_mean as average_price,
    measured.close_usd_mean as average_price_usd,
    measured.price_deviation,
    measured.price_deviation_usd,
    measured.price_deviation / measured.close_mean as deviation_pct_local,
    measured.price_deviation_usd / measured.close_usd_mean as deviation_pct,
    {{ annualised_volatility('measured.returns', 'measured.return_m2') }} as volatility_annualised,
    {{ annualised_volatility('measured.returns_usd', 'measured.return_usd_m2') }} as volatility_usd_annualised,
    {{ annualised_range('measured.bars', parkinson_variance('measured.bars', 'measured.high_low_squares')) }}
        as parkinson_annualised,
    {{ annualised_range(
        'measured.bars',
        garman_klass_variance('measured.bars', 'measured.high_low_squares', 'measured.open_to_close_squares')
    ) }} as garman_klass_annualised,
    {{ annualised_range('measured.bars', 'measured.rogers_satchell_sum / measured.bars') }}
        as rogers_satchell_annualised,
    {{ annualised_range(
        'measured.yang_zhang_bars',
        yang_zhang_variance(
            'measured.yang_zhang_bars', 'measured.overnight_m2', 'measured.open_to_close_m2',
            'measured.yang_zhang_rogers_satchell_sum'
        )
    ) }} as yang_zhang_annualised,
    measured.greatest_absolute_move,
    measured.turnover_usd,
    case
        when measured.returns_usd >= {{ var('least_returns') }}
            then 1 - measured.return_beside_usd_m2 / nullif(measured.return_usd_m2, 0)
    end as fx_variance_share
from measured
cross join market_date
{% if is_incremental() %}
    inner join changed
        on measured.symbol_id = changed.symbol_id and changed.window_starts @> measured.window_start
{% endif %}
where measured.window_start <= market_date.market_date
