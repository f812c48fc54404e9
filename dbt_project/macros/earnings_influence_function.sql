{# earnings_influence(look_back, measure, season, as_of): how much more each symbol moves in the earnings seasons than
   outside them; every symbol, with the figure or with the reason why not.

   The mean of the measure over the complete windows whose end lies in (as_of - look_back, as_of], inside the seasons and
   outside. A window belongs to the half-month of its last Friday. A symbol counts where a window covers the start of
   the look-back and both groups have a value. In dollars (1 + inside) / (1 + outside), the form of 2020; any other measure
   inside / outside.

   Plain means over the windows: a sum of differences would lose digits where a share was quoted a million times higher
   once. The body is bound when it is created, as the ranking's is, so it outlives publish_marts' renaming. #}
{% macro create_earnings_influence_function(schema) -%}
{%- set seasons = {'reporting': 'is_reporting_season', '2020': 'is_season_of_2020'} -%}
{%- set in_dollars = ['price_deviation'] -%}
create or replace function {{ schema }}.refused_influence(complaint text) returns date
language plpgsql stable parallel safe as $$
begin
    raise exception '%', complaint;
end
$$;

drop function if exists {{ schema }}.earnings_influence(interval, text, text, date);
create function {{ schema }}.earnings_influence(
    look_back interval, measure text default 'volatility', season text default 'reporting', as_of date default null
)
returns table (
    rank bigint,
    symbol text,
    name text,
    market text,
    currency text,
    type text,
    influence double precision,
    mean_inside double precision,
    mean_outside double precision,
    windows_inside integer,
    windows_outside integer,
    last_bar date,
    left_out_reason text
)
language sql stable parallel safe
begin atomic
    with published as (
        select max(volatility.market_date) as market_date from {{ schema }}.fct_symbol_volatility as volatility
    ),
    asked as (
        select
            coalesce(earnings_influence.as_of, published.market_date) as ends_on,
            case
                when (earnings_influence.measure in ('{{ measures().keys() | join("', '") }}')) is not true
                    then {{ schema }}.refused_influence(format(
                        'measure is "%s": not one of {{ measures().keys() | join(", ") }}', earnings_influence.measure
                    ))
                when (earnings_influence.season in ('{{ seasons.keys() | join("', '") }}')) is not true
                    then {{ schema }}.refused_influence(format(
                        'season is "%s": not one of {{ seasons.keys() | join(", ") }}', earnings_influence.season
                    ))
                when (earnings_influence.look_back > interval '0') is not true
                    then {{ schema }}.refused_influence(format(
                        'look_back is "%s": not a stretch of time before its end', earnings_influence.look_back
                    ))
                when earnings_influence.as_of > published.market_date
                    then {{ schema }}.refused_influence(format(
                        'as_of is "%s": after the market date, %s', earnings_influence.as_of, published.market_date
                    ))
                else (coalesce(earnings_influence.as_of, published.market_date) - earnings_influence.look_back)::date
            end as starts_on
        from published
    ),
    -- The Sundays that windows end on, from the start of the look-back: the one on it covers it and does not count.
    weeks as (
        select
            ends.window_end,
            ends.window_end > asked.starts_on as is_counted,
            ends.window_end - 13 <= asked.starts_on as covers_start,
            case earnings_influence.season
                {%- for season, column in seasons.items() %}
                when '{{ season }}' then half_months.{{ column }}
                {%- endfor %}
            end as is_inside
        from asked
        cross join lateral generate_series(0, (asked.ends_on - asked.starts_on) / 7) as back (weeks)
        cross join lateral (
            select {{ sunday_on_or_before('asked.ends_on') }} - 7 * back.weeks as window_end
        ) as ends
        inner join {{ schema }}.dim_half_months as half_months
            on
                half_months.month = extract(month from ends.window_end - 2)
                and half_months.half = case when extract(day from ends.window_end - 2) <= 15 then 1 else 2 end
        where ends.window_end >= asked.starts_on
    ),
    valued as (
        select
            windows.symbol_id,
            weeks.covers_start,
            weeks.is_inside,
            case
                when weeks.is_counted
                    then
                        case earnings_influence.measure
                            {%- for measure, column in measures().items() %}
                            when '{{ measure }}' then windows.{{ column }}
                            {%- endfor %}
                        end
            end as value
        from weeks
        inner join {{ schema }}.fct_windows as windows
            on weeks.window_end = windows.window_end and windows.is_complete
    ),
    grouped as (
        select
            valued.symbol_id,
            bool_or(valued.covers_start) as covers_start,
            avg(valued.value) filter (where valued.is_inside) as mean_inside,
            avg(valued.value) filter (where not valued.is_inside) as mean_outside,
            count(valued.value) filter (where valued.is_inside)::integer as windows_inside,
            count(valued.value) filter (where not valued.is_inside)::integer as windows_outside
        from valued
        group by valued.symbol_id
    ),
    judged as (
        select
            symbols.symbol,
            symbols.name,
            symbols.market,
            symbols.currency,
            symbols.type,
            symbols.last_bar,
            grouped.mean_inside,
            grouped.mean_outside,
            coalesce(grouped.windows_inside, 0) as windows_inside,
            coalesce(grouped.windows_outside, 0) as windows_outside,
            case
                when symbols.first_bar is null then 'no prices'
                -- Nothing is published yet and no end was given: a text beside a null would be none.
                when asked.starts_on is null then 'no complete window'
                when grouped.covers_start is not true
                    then
                        case
                            when symbols.first_bar > asked.starts_on
                                then 'too young: prices begin on ' || symbols.first_bar
                            when symbols.last_bar < asked.starts_on then 'no prices since ' || symbols.last_bar
                            else 'no complete window around ' || asked.starts_on || ', the start of the look-back'
                        end
                when grouped.windows_inside = 0 then 'no window inside the seasons has a value'
                when grouped.windows_outside = 0 then 'no window outside the seasons has a value'
                when
                    grouped.mean_outside = 0
                    and earnings_influence.measure not in ('{{ in_dollars | join("', '") }}')
                    then 'did not move outside the seasons'
            end as left_out_reason
        from asked
        cross join {{ schema }}.dim_symbols as symbols
        left join grouped on symbols.symbol_id = grouped.symbol_id
    ),
    measured as (
        select
            judged.*,
            case
                when judged.left_out_reason is null
                    then
                        case
                            when earnings_influence.measure in ('{{ in_dollars | join("', '") }}')
                                then (1 + judged.mean_inside) / (1 + judged.mean_outside)
                            else judged.mean_inside / judged.mean_outside
                        end
            end as influence
        from judged
    )
    select
        case
            when measured.left_out_reason is null
                then row_number() over (order by measured.influence desc nulls last, measured.symbol)
        end as rank,
        measured.symbol,
        measured.name,
        measured.market,
        measured.currency,
        measured.type,
        measured.influence,
        measured.mean_inside,
        measured.mean_outside,
        measured.windows_inside,
        measured.windows_outside,
        measured.last_bar,
        measured.left_out_reason
    from measured
    order by rank nulls last, measured.symbol;
end
{%- endmacro %}
