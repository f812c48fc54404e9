{%- set horizons = cone_horizons() -%}
{%- set merges = cone_merges() -%}
-- one row per symbol and one of its latest trading days: annualised volatility of the returns up to it, by horizon
with symbols as (
    select * from {{ ref('stg_market__symbols') }}
),

returns as (
    select * from {{ ref('int_returns') }}
    where log_return is not null
),

-- Backwards along the key, and no further: what lies before costs nothing. In the order of the symbols, so that the
-- windows below sort one symbol at a time.
latest as (
    select
        symbols.symbol_id,
        newest.day,
        newest.log_return,
        newest.days_back
    from symbols
    cross join
        lateral (
            select
                returns.day,
                returns.log_return,
                row_number() over (order by returns.day desc) as days_back
            from returns
            where returns.symbol_id = symbols.symbol_id
            order by returns.day desc
            limit {{ cone_days() + horizons | max - 1 }}
        ) as newest
    order by symbols.symbol_id asc, newest.day desc
),

-- Newest first, as they come: the returns before a day follow it. var_pop takes each frame anew.
rolled_10 as (
    select
        symbol_id,
        day,
        days_back,
        case when count(*) over last_10 = 10 then avg(log_return) over last_10 end as mean_10,
        case when count(*) over last_10 = 10 then 10 * var_pop(log_return) over last_10 end as m2_10
    from latest
    window
        last_10 as (
            partition by symbol_id
            order by day desc
            rows between current row and 9 following
        )
),

{% for n, (newer, older) in merges.items() %}
    {%- set before = 'rolled_' ~ (merges.keys() | list)[loop.index0 - 1] if loop.index0 else 'rolled_10' -%}
    older_{{ older }}_of_{{ n }} as (
        select
            *,
            lead(mean_{{ older }}, {{ newer }}) over newest_first as mean_before,
            lead(m2_{{ older }}, {{ newer }}) over newest_first as m2_before
        from {{ before }}
        window newest_first as (partition by symbol_id order by day desc)
    ),

    -- Chan, Golub, LeVeque (1983), as in macro merged_squared_deviations; a stretch that is not full leaves no value.
    rolled_{{ n }} as (
        select
            symbol_id,
            day,
            days_back,
            {%- for have in [10] + merges.keys() | list if have < n %}
                mean_{{ have }},
                m2_{{ have }},
            {%- endfor %}
            ({{ newer }} * mean_{{ newer }} + {{ older }} * mean_before) / {{ n }} as mean_{{ n }},
            m2_{{ newer }} + m2_before
            + (mean_{{ newer }} - mean_before) ^ 2 * {{ newer * older / n }} as m2_{{ n }}
        from older_{{ older }}_of_{{ n }}
    ){{ ',' if not loop.last }}

{% endfor %}
select
    symbol_id,
    day,
    {% for n in horizons %}
        {{ rolling_volatility(n, 'm2_' ~ n) }} as volatility_{{ n }},
    {% endfor %}
    days_back
from rolled_{{ merges.keys() | max }}
where days_back <= {{ cone_days() }}
