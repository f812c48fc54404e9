{{ config(
    materialized='incremental',
    incremental_strategy='follow_changes',
    unique_key=['symbol_id', 'window_start'],
    on_schema_change='fail',
    indexes=[{'columns': ['symbol_id', 'window_start'], 'unique': true}],
    post_hook="{{ remember_changes(this) }}"
) }}
-- one row per symbol and two-week window in which it traded, the one that has begun included
{% if is_incremental() %}
    with changed as (
        {{ changed_ranges(this, 'window_start', {'window_starts': 7}) }}
    ),

    windows as (
        select made.*
        from changed
        cross join lateral unnest(changed.window_starts) as stretch (span)
        cross join lateral (
            select known.* from {{ ref('int_windows') }} as known
            where
                known.symbol_id = changed.symbol_id
                and known.window_start >= lower(stretch.span)
                and known.window_start < upper(stretch.span)
            order by known.window_start
        ) as made
    )
{% else %}
    with windows as (
        select * from {{ ref('int_windows') }}
    )
{% endif %}

select
    symbol_id,
    window_start,
    window_end,
    is_complete,
    days,
    returns,
    bars,
    average_price,
    average_price_usd,
    price_deviation,
    price_deviation_usd,
    deviation_pct_local,
    deviation_pct,
    volatility_annualised,
    volatility_usd_annualised,
    parkinson_annualised,
    garman_klass_annualised,
    rogers_satchell_annualised,
    yang_zhang_annualised,
    greatest_absolute_move,
    turnover_usd,
    fx_variance_share
from windows
