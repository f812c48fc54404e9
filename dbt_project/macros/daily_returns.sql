{# CTEs from `prices`, `symbols`, `sessions` and `split_factors` to `daily_returns`: one row per bar of `prices`, in today's
   share, with the log return since the symbol's bar before it among them. #}
{% macro daily_returns() -%}
adjusted as (
    select
        prices.symbol_id,
        prices.day,
        {{ week_start('prices.day') }} as week_start,
        prices.open / coalesce(split_factors.factor, 1) as open,
        prices.high / coalesce(split_factors.factor, 1) as high,
        prices.low / coalesce(split_factors.factor, 1) as low,
        prices.close / coalesce(split_factors.factor, 1) as close,
        prices.close_usd / coalesce(split_factors.factor, 1) as close_usd,
        -- As delivered: what a split does to the price it undoes in the volume.
        prices.close_usd * prices.volume as turnover_usd
    from prices
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
        lag(day) over by_day as day_before,
        lag(close) over by_day as close_before,
        lag(close_usd) over by_day as close_usd_before,
        low > 0 and low <= least(open, close) and greatest(open, close) <= high as is_consistent
    from adjusted
    -- By day. The week before it changes nothing, and lets int_weeks group the rows as they come.
    window by_day as (partition by symbol_id order by week_start, day)
),

-- The sessions between two days are no more than the days: only few pairs have to be looked up.
gapped as (
    select
        *,
        coalesce(
            case
                when day - day_before > {{ var('most_missed_sessions') }} + 1
                    then (
                        select later.session_number - earlier.session_number - 1
                        from symbols
                        inner join sessions as later on symbols.market = later.market
                        inner join sessions as earlier on symbols.market = earlier.market
                        where
                            symbols.symbol_id = paired.symbol_id
                            and later.day = paired.day
                            and earlier.day = paired.day_before
                    ) > {{ var('most_missed_sessions') }}
            end,
            false
        ) as is_after_gap
    from paired
),

daily_returns as (
    select
        symbol_id,
        day,
        week_start,
        open,
        high,
        low,
        close,
        close_usd,
        turnover_usd,
        day_before,
        close_before,
        -- A return over a longer gap is many days' move in one: it is shown, and left out of every measure.
        case when not is_after_gap then ln(close / close_before) end as log_return,
        case when not is_after_gap then ln(close_usd / close_usd_before) end as log_return_usd,
        is_after_gap,
        is_consistent
    from gapped
)
{%- endmacro %}
