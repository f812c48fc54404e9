{# A price in today's share; most have seen no split since, and a division by 1 is not free. #}
{% macro in_todays_share(price) -%}
    case when split_factors.factor is null then {{ price }} else {{ price }} / split_factors.factor end
{%- endmacro %}

{# CTEs from `prices`, `symbols`, `sessions` and `split_factors` to `daily_returns`: one row per bar of `prices`, in today's
   share, with the log return since the symbol's bar before it among them. #}
{% macro daily_returns() -%}
adjusted as (
    select
        prices.symbol_id,
        prices.day,
        {{ week_start('prices.day') }} as week_start,
        {{ in_todays_share('prices.open') }} as open,
        {{ in_todays_share('prices.high') }} as high,
        {{ in_todays_share('prices.low') }} as low,
        {{ in_todays_share('prices.close') }} as close,
        {{ in_todays_share('prices.close_usd') }} as close_usd,
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

{# CTEs, the last of them `returns`: of the weeks that have changed since the table `relation` was made, the rows of
   int_daily_returns, made from these weeks' bars and the one before each stretch. Also `changed`: symbol_id, weeks. #}
{% macro changed_returns(relation) -%}
changed as (
    {{ changed_ranges(relation, 'week_start', {'weeks': 7}) }}
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

sessions as not materialized (
    select * from {{ ref('int_sessions') }}
),

split_factors as (
    select * from {{ ref('int_split_factors') }}
),

{{ daily_returns() }},

returns as (
    select daily_returns.*
    from daily_returns
    inner join changed on daily_returns.symbol_id = changed.symbol_id and changed.weeks @> daily_returns.day
)
{%- endmacro %}

{# What these read, said to dbt while it parses; later it would ask the unit tests for them. #}
{% macro what_changed_returns_read() -%}
    {%- if not execute -%}
-- depends_on: {{ ref('stg_market__prices') }}, {{ ref('stg_market__symbols') }}
-- depends_on: {{ ref('int_sessions') }}, {{ ref('int_split_factors') }}
    {%- endif -%}
{%- endmacro %}
