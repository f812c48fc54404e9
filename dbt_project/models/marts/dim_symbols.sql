{{ config(indexes=[{'columns': ['symbol_id'], 'unique': true}, {'columns': ['symbol'], 'unique': true}]) }}
{%- set limits = var('price_band_limits_usd') -%}
-- one row per symbol
with symbols as (
    select * from {{ ref('stg_market__symbols') }}
),

-- Looked up along the key: a CTE that is named twice would else be copied whole, and read for each symbol.
prices as not materialized (
    select * from {{ ref('stg_market__prices') }}
),

market_date as (
    select * from {{ ref('stg_market__market_date') }}
),

first_days as (
    select
        symbols.symbol_id,
        bars.day as first_bar
    from symbols
    cross join lateral (
        select prices.day
        from prices
        where prices.symbol_id = symbols.symbol_id
        order by prices.day
        limit 1
    ) as bars
),

last_days as (
    select
        symbols.symbol_id,
        bars.day,
        bars.close_usd,
        bars.volume
    from symbols
    cross join lateral (
        select
            prices.day,
            prices.close_usd,
            prices.volume
        from prices
        where prices.symbol_id = symbols.symbol_id
        order by prices.day desc
        limit {{ var('turnover_days') }}
    ) as bars
),

traded as (
    select
        symbol_id,
        max(day) as last_bar,
        (array_agg(close_usd order by day desc))[1] as last_close_usd,
        -- A feed without volumes delivers zeros.
        case
            when max(volume) > 0 then percentile_cont(0.5) within group (order by close_usd * volume)
        end as median_turnover_usd
    from last_days
    group by symbol_id
)

select
    symbols.symbol_id,
    symbols.symbol,
    symbols.name,
    symbols.market,
    symbols.currency,
    symbols.type,
    symbols.status,
    symbols.delisted_on,
    first_days.first_bar,
    traded.last_bar,
    market_date.market_date - traded.last_bar as days_since_last_bar,
    traded.median_turnover_usd,
    case
        when traded.median_turnover_usd is null then 'unknown'
        {% for tier in ('high', 'medium', 'low') %}
            when traded.median_turnover_usd >= {{ var(tier ~ '_turnover_usd') }} then '{{ tier }}'
        {% endfor %}
        else 'untradable'
    end as liquidity_tier,
    case
        when traded.last_close_usd is null then 'unknown'
        when traded.last_close_usd < {{ limits[0] }} then 'under {{ limits[0] }}'
        {% for limit in limits[1:] %}
            when traded.last_close_usd < {{ limit }} then '{{ limits[loop.index0] }} to {{ limit }}'
        {% endfor %}
        else '{{ limits[-1] }} and more'
    end as price_band
from symbols
cross join market_date
left join first_days on symbols.symbol_id = first_days.symbol_id
left join traded on symbols.symbol_id = traded.symbol_id
