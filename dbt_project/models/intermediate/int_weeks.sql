{{ config(
    materialized='incremental',
    incremental_strategy='follow_changes',
    unique_key=['symbol_id', 'week_start'],
    on_schema_change='fail',
    indexes=[{'columns': ['symbol_id', 'week_start'], 'unique': true}],
    post_hook="{{ remember_changes(this) }}"
) }}
-- one row per symbol and ISO week in which it traded: what the measures of a window are merged from
-- A row needs the week's rows of int_daily_returns and nothing else.
{% if not execute %}
-- What the increments read, said to dbt while it parses; later it would ask the unit tests for them.
-- depends_on: {{ ref('stg_market__prices') }}, {{ ref('stg_market__symbols') }}
-- depends_on: {{ ref('int_sessions') }}, {{ ref('int_split_factors') }}
{% endif %}
{% if is_incremental() %}
    with changed as (
        {{ changed_ranges(this, 'week_start', {'weeks': 7}) }}
    ),

    -- Twice, since each is looked up along the key.
    bars as (
        select * from {{ ref('stg_market__prices') }}
    ),

    bars_before as (
        select * from {{ ref('stg_market__prices') }}
    ),

    -- The return of a stretch's first bar starts from the bar before: of two stretches perhaps, or in another one.
    prices as (
        select bar.*
        from changed
        cross join lateral unnest(changed.weeks) as stretch (span)
        cross join
            lateral (
                select bars.* from bars
                where
                    bars.symbol_id = changed.symbol_id
                    and bars.day >= lower(stretch.span)
                    and bars.day < upper(stretch.span)
                order by bars.day
            ) as bar
        union all
        select distinct bar.*
        from changed
        cross join lateral unnest(changed.weeks) as stretch (span)
        cross join
            lateral (
                select bars_before.* from bars_before
                where bars_before.symbol_id = changed.symbol_id and bars_before.day < lower(stretch.span)
                order by bars_before.day desc
                limit 1
            ) as bar
        where not changed.weeks @> bar.day
    ),

    symbols as (
        select * from {{ ref('stg_market__symbols') }}
    ),

    sessions as (
        select * from {{ ref('int_sessions') }}
    ),

    split_factors as (
        select * from {{ ref('int_split_factors') }}
    ),

    {{ daily_returns() }},

    returns as (
        select
            daily_returns.*,
            {{ week_start('daily_returns.day') }} as week_start
        from daily_returns
        inner join changed on daily_returns.symbol_id = changed.symbol_id and changed.weeks @> daily_returns.day
    ),
{% else %}
    with returns as (
        select
            *,
            {{ week_start('day') }} as week_start
        from {{ ref('int_daily_returns') }}
    ),
{% endif %}

terms as (
    select
        symbol_id,
        week_start,
        close,
        close_usd,
        log_return,
        log_return_usd,
        turnover_usd,
        case when is_consistent then ln(high / low) end as high_low,
        case when is_consistent then ln(close / open) end as open_to_close,
        case
            when is_consistent then ln(high / close) * ln(high / open) + ln(low / close) * ln(low / open)
        end as rogers_satchell,
        -- Where there is no return, the open has none either: the bar is left out of Yang-Zhang whole.
        case when is_consistent and log_return is not null then ln(open / close_before) end as overnight,
        min(close) over the_week as close_anchor,
        min(close_usd) over the_week as close_usd_anchor
    from returns
    window
        the_week as (
            partition by symbol_id, week_start
            rows between unbounded preceding and unbounded following
        )
)

select
    symbol_id,
    week_start,
    min(close_anchor) as close_anchor,
    avg(close - close_anchor) as close_mean,
    {{ group_m2('close - close_anchor', 'count(*)') }} as close_m2,
    min(close_usd_anchor) as close_usd_anchor,
    avg(close_usd - close_usd_anchor) as close_usd_mean,
    {{ group_m2('close_usd - close_usd_anchor', 'count(close_usd)') }} as close_usd_m2,
    avg(log_return) as return_mean,
    {{ group_m2('log_return', 'count(log_return)') }} as return_m2,
    avg(log_return_usd) as return_usd_mean,
    {{ group_m2('log_return_usd', 'count(log_return_usd)') }} as return_usd_m2,
    -- The local returns of the days that have one in USD, for the share of FX.
    avg(case when log_return_usd is not null then log_return end) as return_beside_usd_mean,
    {{ group_m2('case when log_return_usd is not null then log_return end', 'count(log_return_usd)') }}
        as return_beside_usd_m2,
    max(abs(log_return)) as greatest_absolute_move,
    sum(turnover_usd) as turnover_usd,
    sum(high_low * high_low) as high_low_squares,
    sum(open_to_close * open_to_close) as open_to_close_squares,
    sum(rogers_satchell) as rogers_satchell_sum,
    avg(overnight) as overnight_mean,
    {{ group_m2('overnight', 'count(overnight)') }} as overnight_m2,
    avg(case when overnight is not null then open_to_close end) as open_to_close_mean,
    {{ group_m2('case when overnight is not null then open_to_close end', 'count(overnight)') }} as open_to_close_m2,
    sum(case when overnight is not null then rogers_satchell end) as yang_zhang_rogers_satchell_sum,
    count(*)::integer as days,
    count(close_usd)::integer as prices_usd,
    count(log_return)::integer as returns,
    count(log_return_usd)::integer as returns_usd,
    count(high_low)::integer as bars,
    count(overnight)::integer as yang_zhang_bars
from terms
group by symbol_id, week_start
