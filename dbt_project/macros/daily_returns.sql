{# CTEs from `prices`, `symbols`, `sessions` and `split_factors` to `daily_returns`: one row per bar of `prices`, in today's
   share, with the log return since the symbol's bar before it among them. #}
{% macro daily_returns() -%}
adjusted as (
    select
        prices.symbol_id,
        prices.day,
        sessions.session_number,
        prices.open / coalesce(split_factors.factor, 1) as open,
        prices.high / coalesce(split_factors.factor, 1) as high,
        prices.low / coalesce(split_factors.factor, 1) as low,
        prices.close / coalesce(split_factors.factor, 1) as close,
        prices.close_usd / coalesce(split_factors.factor, 1) as close_usd,
        -- As delivered: what a split does to the price it undoes in the volume.
        prices.close_usd * prices.volume as turnover_usd
    from prices
    inner join symbols on prices.symbol_id = symbols.symbol_id
    inner join sessions on symbols.market = sessions.market and prices.day = sessions.day
    left join split_factors
        on
            prices.symbol_id = split_factors.symbol_id
            and prices.day >= split_factors.first_day
            and prices.day < split_factors.next_day
),

-- A row needs its symbol's bar before it and nothing else of the symbol.
paired as (
    select
        *,
        lag(close) over by_day as close_before,
        lag(close_usd) over by_day as close_usd_before,
        (session_number - lag(session_number) over by_day - 1)::integer as missed_sessions
    from adjusted
    window by_day as (partition by symbol_id order by day)
),

daily_returns as (
    select
        symbol_id,
        day,
        open,
        high,
        low,
        close,
        close_usd,
        turnover_usd,
        close_before,
        -- A return over a longer gap is many days' move in one: it is shown, and left out of every measure.
        case
            when missed_sessions <= {{ var('most_missed_sessions') }} then ln(close / close_before)
        end as log_return,
        case
            when missed_sessions <= {{ var('most_missed_sessions') }} then ln(close_usd / close_usd_before)
        end as log_return_usd,
        missed_sessions,
        coalesce(missed_sessions > {{ var('most_missed_sessions') }}, false) as is_after_gap,
        low > 0 and low <= least(open, close) and greatest(open, close) <= high as is_consistent
    from paired
)
{%- endmacro %}
