{# What as_of creates when all tables are there. The ranking's rule stands here and in ranking_scores.sql once: Superset and
   `hm ranking` both call it.

   Bodies are bound when they are created (BEGIN ATOMIC), so they go on reading their own tables when publish_marts renames
   their schema. PostgreSQL puts them into the query that calls them: what is not asked for is not computed. #}
{% macro create_ranking_functions(schema) -%}
{{ create_unknown_measure_function(schema) }}
{{ create_look_back_span_function(schema) }}
{{ create_ranking_scores_function(schema) }}
{{ create_ranking_windows_function(schema) }}
{{ create_ranking_function(schema) }}
{%- endmacro %}

{# All symbols, whether the filters let them through, and their scores `weeks_before` the end of the look-back. Two values
   are one where they agree in their first 40 binary digits, 12 decimal ones (Veltkamp's splitting of a float8 by
   2^13 + 1): equal prices come out of different sums with different last digits.
   Nobody can trade what was delisted by the end of the look-back, or had its last bar long before it: the windows alone
   would let it rank for a fifth of the look-back. #}
{% macro scored_symbols(schema, weeks_before, span) -%}
        select
            symbols.symbol_id,
            symbols.symbol collate "C" as symbol,
            symbols.market,
            symbols.currency,
            scores.value,
            scores.values_found,
            scores.covers_start,
            scores.value * 8193 - (scores.value * 8193 - scores.value) as comparable,
            scores.is_whole,
            ranking.with_untradable
            or (
                symbols.liquidity_tier <> 'untradable'
                and not {{ is_gone('(select each.ends_on from ' ~ span ~ ' as each)') }}
            ) as is_tradable,
            ranking.with_flagged or doubtful.symbol_id is null as is_trusted,
            (ranking.markets is null or symbols.market = any(ranking.markets))
            and (ranking.currencies is null or symbols.currency = any(ranking.currencies))
            and (ranking.types is null or symbols.type = any(ranking.types))
            and (ranking.tiers is null or symbols.liquidity_tier = any(ranking.tiers)) as is_chosen
        from {{ schema }}.dim_symbols as symbols
        left join
            {{ schema }}.ranking_scores(ranking.look_back, ranking.measure, ranking.as_of, {{ weeks_before }}) as scores
            on scores.symbol_id = symbols.symbol_id
        left join (
            select flags.symbol_id
            from {{ schema }}.fct_price_flags as flags
            where {{ is_doubtful(span) }}
            group by flags.symbol_id
        ) as doubtful on doubtful.symbol_id = symbols.symbol_id
{%- endmacro %}

{# Whether a row of scored_symbols ranks; null is no. Said in parts, so that in a `where` each goes to the table that it
   reads, and drops rows before they are joined. #}
{% macro ranks(symbol) -%}
({{ symbol }}.is_whole and {{ symbol }}.is_tradable and {{ symbol }}.is_trusted)
{%- endmacro %}

{% macro is_gone(ends_on) -%}
(
    coalesce(symbols.delisted_on <= {{ ends_on }}, false)
    or symbols.last_bar < {{ ends_on }} - {{ var('most_idle_days') }}
)
{%- endmacro %}

{# Whether a row of `flags` is grave and touches days of the windows that count: from the first wrong close to the one that
   is right again, whose return is wrong too. #}
{% macro is_doubtful(span) -%}
flags.severity = 'grave'
            and flags.day <= (select each.last_window_end from {{ span }} as each)
            and greatest(flags.last_day, flags.returned_on) > (select each.base_end from {{ span }} as each) - 7
{%- endmacro %}

{# Percentiles are within these: name -> key of a row of scored_symbols, none for all of them. #}
{% macro percentile_groups() -%}
    {{ return({
        'world': none,
        'market': 'hashtextextended(scored.market, 0)',
        'currency': 'hashtextextended(scored.currency, 0)',
    }) }}
{%- endmacro %}

{# ranking(look_back, measure, as_of, ...): every symbol that the filters let through, ranked or with the reason why not.
   Ranks are given among those, percentiles among all that can be ranked. #}
{% macro create_ranking_function(schema) -%}
create or replace function {{ schema }}.ranking(
    look_back interval,
    measure text default 'volatility',
    as_of date default null,
    markets text[] default null,
    currencies text[] default null,
    types text[] default null,
    tiers text[] default null,
    with_untradable boolean default false,
    with_percentiles boolean default false,
    with_rank_changes boolean default false,
    top integer default null,
    with_flagged boolean default false
)
returns table (
    rank bigint,
    symbol text,
    name text,
    market text,
    currency text,
    type text,
    value double precision,
    {%- for column in cumulated_columns() %}
    {{ column }} double precision,
    {%- endfor %}
    windows integer,
    windows_expected integer,
    last_bar date,
    left_out_reason text,
    values_found integer,
    liquidity_tier text,
    median_turnover_usd double precision,
    price_band text,
    days_since_last_bar integer,
    flags integer,
    percentile_world double precision,
    percentile_market double precision,
    percentile_currency double precision,
    rank_change_1w bigint,
    rank_change_4w bigint
)
language sql stable parallel safe
begin atomic
    with span as (
        select * from {{ schema }}.look_back_span(ranking.look_back, ranking.as_of, 0)
    ),
    scored as not materialized (
        {{ scored_symbols(schema, 0, 'span') }}
    ),
    -- With `top`, those alone go on who rank: then `ranks` is true, and nothing is sorted by it.
    candidates as not materialized (
        select
            scored.*,
            {%- for group in percentile_groups() %}
            null::double precision as of_{{ group }}{{ ',' if not loop.last }}
            {%- endfor %}
        from scored
        where not ranking.with_percentiles
        union all
        select
            scored.*,
            -- Sorted by a hash of the name: so few names tie all the time, and each tie compares them letter by letter.
            {%- for group, hash in percentile_groups().items() %}
            cume_dist() over (
                partition by ranking.top is not null or {{ ranks('scored') }}{{ ', ' ~ hash if hash }}
                order by scored.comparable
            ) as of_{{ group }}{{ ',' if not loop.last }}
            {%- endfor %}
        from scored
        where ranking.with_percentiles and (ranking.top is null or {{ ranks('scored') }})
    ),
    -- `top` cuts before anything wide is read.
    shown as (
        select
            candidates.*,
            coalesce({{ ranks('candidates') }}, false) as ranks
        from candidates
        where candidates.is_chosen and (ranking.top is null or {{ ranks('candidates') }})
        order by
            ranking.top is not null or coalesce({{ ranks('candidates') }}, false) desc,
            candidates.comparable desc nulls last,
            candidates.symbol
        limit ranking.top
    ),
    numbered as (
        select
            shown.*,
            case
                when shown.ranks
                    then
                        row_number() over (
                            order by shown.ranks desc, shown.comparable desc nulls last, shown.symbol
                        )
            end as rank
        from shown
    ),
    -- Who ranks without being asked for by with_flagged has none, and `top` shows nobody else.
    doubtful as (
        select
            flags.symbol_id,
            count(*)::integer as flags,
            (array_agg(flags.flag || ' on ' || flags.day order by flags.day, flags.flag))[1] as first_flag
        from {{ schema }}.fct_price_flags as flags
        where (ranking.top is null or ranking.with_flagged) and {{ is_doubtful('span') }}
        group by flags.symbol_id
    ),
    {%- for weeks_before in (1, 4) %}
    span_{{ weeks_before }}w_before as (
        select * from {{ schema }}.look_back_span(ranking.look_back, ranking.as_of, {{ weeks_before }})
    ),
    ranked_{{ weeks_before }}w_before as (
        select
            earlier.symbol_id,
            row_number() over (order by earlier.comparable desc, earlier.symbol) as rank
        from (
        {{ scored_symbols(schema, weeks_before, 'span_' ~ weeks_before ~ 'w_before') }}
        ) as earlier
        where ranking.with_rank_changes and earlier.is_chosen and {{ ranks('earlier') }}
    )
    {%- if not loop.last %},{% endif %}
    {%- endfor %}
    select
        numbered.rank,
        symbols.symbol,
        symbols.name,
        symbols.market,
        symbols.currency,
        symbols.type,
        case when numbered.ranks then numbered.value end as value,
        {%- for column in cumulated_columns() %}
        {{ mean_between('base', 'last', column) }} as {{ column }},
        {%- endfor %}
        coalesce({{ growth('base', 'last', 'windows') }}, 0) as windows,
        span.windows_expected,
        symbols.last_bar,
        case when not numbered.ranks then {{ left_out_reason() }} end as left_out_reason,
        coalesce(numbered.values_found, 0) as values_found,
        symbols.liquidity_tier,
        symbols.median_turnover_usd,
        symbols.price_band,
        symbols.days_since_last_bar,
        coalesce(doubtful.flags, 0) as flags,
        {%- for group in percentile_groups() %}
        case when numbered.ranks then numbered.of_{{ group }} end as percentile_{{ group }},
        {%- endfor %}
        ranked_1w_before.rank - numbered.rank as rank_change_1w,
        ranked_4w_before.rank - numbered.rank as rank_change_4w
    from numbered
    cross join span
    inner join {{ schema }}.dim_symbols as symbols on symbols.symbol_id = numbered.symbol_id
    left join {{ schema }}.fct_cumulative as last
        on last.symbol_id = numbered.symbol_id and last.window_end = (select each.last_window_end from span as each)
    left join {{ schema }}.fct_cumulative as base
        on base.symbol_id = numbered.symbol_id and base.window_end = (select each.base_end from span as each)
    left join doubtful on doubtful.symbol_id = numbered.symbol_id
    left join ranked_1w_before on ranked_1w_before.symbol_id = numbered.symbol_id
    left join ranked_4w_before on ranked_4w_before.symbol_id = numbered.symbol_id
    order by numbered.rank nulls last, numbered.symbol;
end;
{%- endmacro %}

{# Why a symbol has no rank: the first rule that it breaks, worded by what is known of it. Whether it ranks is said by
   scored_symbols alone. #}
{% macro left_out_reason() -%}
case
            when symbols.first_bar is null then 'no prices'
            when numbered.covers_start is not true and symbols.first_bar > span.starts_on
                then 'too young: prices begin on ' || symbols.first_bar
            when numbered.covers_start is null then 'no complete window up to ' || span.ends_on
            when not numbered.covers_start and symbols.last_bar < span.starts_on then {{ ended() }}
            when not numbered.covers_start
                then 'no prices around ' || span.starts_on || ', the start of the look-back'
            when numbered.values_found < span.values_needed or numbered.value is null
                then
                    case
                        when
                            case ranking.measure
                                {%- for measure, local in local_twins().items() %}
                                when '{{ measure }}' then {{ growth('base', 'last', measures()[local] ~ '_windows') }}
                                {%- endfor %}
                            end >= span.values_needed
                            then 'no rate for ' || coalesce(symbols.currency, 'an unknown currency') || ': '
                        when symbols.last_bar <= span.last_window_end - 14 then {{ ended() }} || ': '
                        else ''
                    end
                    || 'only ' || numbered.values_found || ' of ' || span.windows_expected || ' windows have a value'
            when not ranking.with_untradable and {{ is_gone('span.ends_on') }} then 'untradable: ' || {{ ended() }}
            when not ranking.with_untradable and symbols.liquidity_tier = 'untradable'
                then
                    'untradable: median turnover of ' || to_char(symbols.median_turnover_usd, 'FM999,999,990')
                    || ' USD a day'
            else
                'flagged: ' || doubtful.first_flag
                || case when doubtful.flags > 1 then ' and ' || doubtful.flags - 1 || ' more' else '' end
        end
{%- endmacro %}

{% macro ended() -%}
case
                    when symbols.status = 'delisted' and symbols.delisted_on is not null
                        then 'delisted on ' || symbols.delisted_on
                    else 'no trading since ' || symbols.last_bar
                end
{%- endmacro %}
