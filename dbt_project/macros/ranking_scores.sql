{# Measures that a window has only where its days have an exchange rate -> the same in the quoted currency. #}
{% macro local_twins() -%}
    {{ return({
        'volatility_usd': 'volatility',
        'deviation_pct': 'deviation_pct_local',
        'price_deviation': 'price_deviation_local',
    }) }}
{%- endmacro %}

{% macro create_unknown_measure_function(schema) -%}
create or replace function {{ schema }}.unknown_measure(measure text) returns double precision
language plpgsql immutable parallel safe as $$
begin
    raise exception 'measure is "%": not one of {{ measures().keys() | join(", ") }}', measure;
end
$$;
{%- endmacro %}

{# look_back_span(look_back, as_of, weeks_before): one row, the days of the look-back that ends on as_of (the market date
   without one), or weeks before it, and the Sundays that it hangs on. Its windows end in (starts_on, ends_on], thus in
   (base_end, last_window_end]; the start is covered by the windows that end from first_cover to last_cover. values_needed
   is the least share of windows_expected, rounded up in whole numbers, so that 80% is exact. #}
{% macro create_look_back_span_function(schema) -%}
create or replace function {{ schema }}.look_back_span(look_back interval, as_of date, weeks_before integer)
returns table (
    starts_on date,
    ends_on date,
    base_end date,
    last_window_end date,
    windows_expected integer,
    values_needed integer,
    first_cover date,
    last_cover date
)
language sql stable parallel safe
begin atomic
    with ends as (
        select coalesce(look_back_span.as_of, published.market_date) - 7 * look_back_span.weeks_before as ends_on
        from {{ schema }}.as_of as published
        -- It has one row: the planner, which keeps no statistics of so small a table, takes 1,700 for granted.
        limit 1
    ),
    asked as (
        select
            ends.ends_on,
            (ends.ends_on - look_back_span.look_back)::date as starts_on
        from ends
    ),
    sundays as (
        select
            asked.*,
            {{ sunday_on_or_before('asked.starts_on') }} as base_end,
            {{ sunday_on_or_before('asked.ends_on') }} as last_window_end,
            {{ sunday_on_or_before('(asked.starts_on + 6)') }} as first_cover
        from asked
    )
    select
        sundays.starts_on,
        sundays.ends_on,
        sundays.base_end,
        sundays.last_window_end,
        (sundays.last_window_end - sundays.base_end) / 7 as windows_expected,
        ({{ (var('least_share_of_windows') * 100) | round | int }} * (sundays.last_window_end - sundays.base_end) / 7 + 99)
        / 100 as values_needed,
        sundays.first_cover,
        least(sundays.first_cover + 7, sundays.last_window_end) as last_cover
    from sundays;
end;
{%- endmacro %}

{# ranking_scores(look_back, measure, as_of, weeks_before): the rule in numbers, one row per symbol that has a complete
   window by the end. A symbol's value is the mean of the measure over the complete windows that end in the look-back; it
   is whole where a window covers the start and at least 80% of the windows have a value. #}
{% macro create_ranking_scores_function(schema) -%}
create or replace function {{ schema }}.ranking_scores(
    look_back interval, measure text, as_of date, weeks_before integer
)
returns table (
    symbol_id integer,
    value double precision,
    values_found integer,
    windows integer,
    windows_expected integer,
    covers_start boolean,
    is_whole boolean
)
language sql stable parallel safe
begin atomic
    with span as (
        select *
        from {{ schema }}.look_back_span(
            ranking_scores.look_back, ranking_scores.as_of, ranking_scores.weeks_before
        )
    ),
    counted as (
        select
            last.symbol_id,
            case ranking_scores.measure
                {%- for measure, column in measures().items() %}
                when '{{ measure }}' then {{ sum_between('base', 'last', column) }}
                {%- endfor %}
                else {{ schema }}.unknown_measure(ranking_scores.measure)
            end as total,
            case ranking_scores.measure
                {%- for measure, column in measures().items() %}
                when '{{ measure }}' then {{ growth('base', 'last', column ~ '_windows') }}
                {%- endfor %}
            end as values_found,
            {{ growth('base', 'last', 'windows') }} as windows,
            (select span.windows_expected from span) as windows_expected,
            coalesce(
                cover.has_window or (cover.had_window and cover.window_end > (select span.first_cover from span)), false
            ) as covers_start
        from {{ schema }}.fct_cumulative as last
        left join {{ schema }}.fct_cumulative as base
            on base.symbol_id = last.symbol_id and base.window_end = (select span.base_end from span)
        left join {{ schema }}.fct_cumulative as cover
            on
                cover.symbol_id = last.symbol_id
                and cover.window_end = (select span.last_cover from span)
                and cover.window_end >= (select span.first_cover from span)
        where last.window_end = (select span.last_window_end from span)
        -- Keeps these columns from being put in wherever they are named, and computed as often: a third of the time.
        offset 0
    )
    select
        counted.symbol_id,
        counted.total / nullif(counted.values_found, 0) as value,
        counted.values_found,
        counted.windows,
        counted.windows_expected,
        counted.covers_start,
        counted.covers_start
        and counted.values_found > 0
        and counted.values_found >= (select span.values_needed from span) as is_whole
    from counted;
end;
{%- endmacro %}

{# ranking_windows(symbol, look_back, measure, as_of): what one symbol's score is made of. One row per week whose window
   covers the start of the look-back or ends in it, with the symbol's value; days is null where it has no window. Up to the
   market date the windows that have begun are there too: is_complete is false, and they count nowhere. #}
{% macro create_ranking_windows_function(schema) -%}
create or replace function {{ schema }}.ranking_windows(symbol text, look_back interval, measure text, as_of date)
returns table (
    window_start date,
    window_end date,
    covers_start boolean,
    is_counted boolean,
    is_complete boolean,
    days integer,
    returns integer,
    value double precision
)
language sql stable parallel safe
begin atomic
    with span as (
        select * from {{ schema }}.look_back_span(ranking_windows.look_back, ranking_windows.as_of, 0)
    ),
    weeks as (
        select
            span.last_cover,
            span.base_end,
            span.last_window_end,
            span.first_cover + 7 * week.number as window_end
        from span
        cross join {{ schema }}.as_of as published
        cross join lateral generate_series(
            0,
            (
                -- The last window that has begun holds the end of the look-back.
                case when span.ends_on = published.market_date then span.ends_on + 13 else span.last_window_end end
                - span.first_cover
            ) / 7
        ) as week (number)
    )
    select
        weeks.window_end - 13 as window_start,
        weeks.window_end,
        weeks.window_end <= weeks.last_cover as covers_start,
        weeks.window_end > weeks.base_end and weeks.window_end <= weeks.last_window_end as is_counted,
        weeks.window_end <= weeks.last_window_end as is_complete,
        windows.days,
        windows.returns,
        case ranking_windows.measure
            {%- for measure, column in measures().items() %}
            when '{{ measure }}' then windows.{{ column }}
            {%- endfor %}
            else {{ schema }}.unknown_measure(ranking_windows.measure)
        end as value
    from weeks
    left join {{ schema }}.dim_symbols as symbols on symbols.symbol = ranking_windows.symbol
    left join {{ schema }}.fct_windows as windows
        on
            windows.symbol_id = symbols.symbol_id
            and windows.window_end = weeks.window_end
    order by weeks.window_end;
end;
{%- endmacro %}
