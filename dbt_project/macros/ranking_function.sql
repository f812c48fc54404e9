{# The Sunday on or before a date: where the last complete ISO week ends. #}
{% macro sunday_on_or_before(day) -%}
    ({{ day }} - (extract(isodow from {{ day }})::integer % 7))
{%- endmacro %}

{# ranking(look_back, measure, as_of): every symbol, ranked or with the reason why not. The rule stands here once:
   Superset and `hm ranking` both call it.

   A symbol ranks by the mean of the measure over the complete windows whose end lies in (as_of - look_back, as_of], where
   a window covers the start of the look-back and at least 80% of the windows have a value; ties go by symbol.

   The body is bound when it is created (BEGIN ATOMIC), so it goes on reading its own tables when publish_marts renames
   their schema. #}
{% macro create_ranking_function(schema) -%}
{%- set columns = measures().values() | list + ['average_price_usd'] -%}
create or replace function {{ schema }}.unknown_measure(measure text) returns double precision
language plpgsql immutable as $$
begin
    raise exception 'measure is "%": not one of {{ measures().keys() | join(", ") }}', measure;
end
$$;

create or replace function {{ schema }}.ranking(
    look_back interval, measure text default 'volatility', as_of date default null
)
returns table (
    rank bigint,
    symbol text,
    name text,
    market text,
    currency text,
    type text,
    value double precision,
    {%- for column in measures().values() %}
    {{ column }} double precision,
    {%- endfor %}
    average_price_usd double precision,
    windows integer,
    windows_expected integer,
    last_bar date,
    left_out_reason text
)
language sql stable
begin atomic
    with asked as (
        select
            coalesce(ranking.as_of, published.market_date) as ends_on,
            (coalesce(ranking.as_of, published.market_date) - ranking.look_back)::date as starts_on
        from {{ schema }}.as_of as published
    ),
    bounds as (
        select
            asked.starts_on,
            {{ sunday_on_or_before('asked.ends_on') }} as last_end,
            {{ sunday_on_or_before('asked.starts_on') }} as base_end,
            -- The two windows that cover the start end on the first Sunday from it on, and a week later.
            {{ sunday_on_or_before('(asked.starts_on + 6)') }} as first_cover
        from asked
    ),
    sums as (
        select
            symbols.symbol_id,
            symbols.first_bar,
            symbols.last_bar,
            bounds.starts_on,
            (bounds.last_end - bounds.base_end) / 7 as windows_expected,
            last.windows - coalesce(base.windows, 0) as windows,
            coalesce(covered.windows, 0) - coalesce(uncovered.windows, 0) > 0 as covers_start,
            {%- for column in columns %}
            last.{{ column }}_windows - coalesce(base.{{ column }}_windows, 0) as {{ column }}_windows,
            (last.{{ column }}_sum - coalesce(base.{{ column }}_sum, 0))
            / nullif(last.{{ column }}_windows - coalesce(base.{{ column }}_windows, 0), 0) as {{ column }}
            {{- "," if not loop.last }}
            {%- endfor %}
        from bounds
        cross join {{ schema }}.dim_symbols as symbols
        left join {{ schema }}.fct_cumulative as last
            on last.window_end = bounds.last_end and last.symbol_id = symbols.symbol_id
        left join {{ schema }}.fct_cumulative as base
            on base.window_end = bounds.base_end and base.symbol_id = symbols.symbol_id
        left join {{ schema }}.fct_cumulative as covered
            on
                covered.window_end = least(bounds.first_cover + 7, bounds.last_end)
                and covered.symbol_id = symbols.symbol_id
        left join {{ schema }}.fct_cumulative as uncovered
            on uncovered.window_end = bounds.first_cover - 7 and uncovered.symbol_id = symbols.symbol_id
    ),
    measured as (
        select
            sums.*,
            case ranking.measure
                {%- for measure, column in measures().items() %}
                when '{{ measure }}' then sums.{{ column }}
                {%- endfor %}
                else {{ schema }}.unknown_measure(ranking.measure)
            end as value,
            case ranking.measure
                {%- for measure, column in measures().items() %}
                when '{{ measure }}' then sums.{{ column }}_windows
                {%- endfor %}
            end as values_found
        from sums
    ),
    judged as (
        select
            measured.*,
            case
                when measured.windows is null then 'no complete window'
                when measured.first_bar > measured.starts_on
                    then 'too young: prices begin on ' || measured.first_bar
                when measured.last_bar < measured.starts_on
                    then 'no prices since ' || measured.last_bar
                when not measured.covers_start
                    then 'no prices around ' || measured.starts_on || ', the start of the look-back'
                when measured.values_found < {{ var('least_share_of_windows') }} * measured.windows_expected
                    or measured.value is null
                    then
                        'only ' || measured.values_found || ' of ' || measured.windows_expected
                        || ' windows have a value'
            end as left_out_reason
        from measured
    )
    select
        case
            when judged.left_out_reason is null
                then
                    row_number() over (
                        order by
                            case when judged.left_out_reason is null then judged.value end desc nulls last,
                            symbols.symbol
                    )
        end as rank,
        symbols.symbol,
        symbols.name,
        symbols.market,
        symbols.currency,
        symbols.type,
        case when judged.left_out_reason is null then judged.value end as value,
        {%- for column in columns %}
        judged.{{ column }},
        {%- endfor %}
        coalesce(judged.windows, 0)::integer as windows,
        judged.windows_expected,
        symbols.last_bar,
        judged.left_out_reason
    from judged
    inner join {{ schema }}.dim_symbols as symbols on symbols.symbol_id = judged.symbol_id
    order by rank nulls last, symbols.symbol;
end
{%- endmacro %}
