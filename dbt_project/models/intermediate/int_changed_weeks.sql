{{ config(
    materialized='incremental',
    incremental_strategy='follow_changes',
    unique_key=['build', 'symbol_id'],
    on_schema_change='fail',
    indexes=[{'columns': ['build', 'symbol_id']}],
    post_hook="{{ remember_spans(this) }}"
) }}
-- one row per build, symbol and run of weeks of which something has changed since the build before, and one per build
-- and session that is new in its market: the log that int_sessions, int_weeks, int_stored_returns, fct_windows
-- and fct_cumulative follow. Empty when it begins: then all of them are made whole.
{% if is_incremental() %}
    {%- set seen = changes_seen(this) -%}
    with spans as (
        select * from {{ source('market', 'changed_spans') }}
        where change_id > {{ seen.span }}
    ),

    -- Looked up along their keys, each time: a CTE that is named twice would else be read whole.
    symbols as not materialized (
        select * from {{ ref('stg_market__symbols') }}
    ),

    prices as not materialized (
        select * from {{ ref('stg_market__prices') }}
    ),

    prices_before as not materialized (
        select * from {{ ref('stg_market__prices') }}
    ),

    split_factors as (
        select * from {{ ref('int_split_factors_now') }}
    ),

    -- As the build before left them, thus not by ref: they are brought up to date after this.
    split_factors_before as (
        select * from intermediate.int_split_factors
    ),

    sessions as not materialized (
        select * from intermediate.int_sessions
    ),

    last_sessions as (
        select
            market,
            max(day) as last_day
        from sessions
        group by market
    ),

    marked as (
        select
            symbol_id,
            range_agg(daterange(from_week, to_week + 7)) as weeks
        from spans
        group by symbol_id
    ),

    -- A split that is new, another one, or has come into force since changes every bar before it.
    split_anew as (
        select symbol_id
        from (
            (
                select * from split_factors
                except
                select * from split_factors_before
            )
            union all
            (
                select * from split_factors_before
                except
                select * from split_factors
            )
        ) as differing
        group by symbol_id
    ),

    resplit as (
        select
            split_anew.symbol_id,
            first_bar.day as first_day,
            last_bar.day as last_day
        from split_anew
        cross join
            lateral (
                select prices.day from prices
                where prices.symbol_id = split_anew.symbol_id
                order by prices.day
                limit 1
            ) as first_bar
        cross join lateral (
            select prices_before.day from prices_before
            where prices_before.symbol_id = split_anew.symbol_id
            order by prices_before.day desc
            limit 1
        ) as last_bar
    ),

    traded as (
        select distinct
            symbols.market,
            bar.day
        from marked
        inner join symbols on marked.symbol_id = symbols.symbol_id
        cross join lateral unnest(marked.weeks) as stretch (span)
        cross join
            lateral (
                select prices.day from prices
                where
                    prices.symbol_id = marked.symbol_id
                    and prices.day >= lower(stretch.span)
                    and prices.day < upper(stretch.span)
                order by prices.day
            ) as bar
    ),

    new_sessions as (
        select traded.* from traded
        where not exists (
            select 1 from sessions
            where traded.market = sessions.market and traded.day = sessions.day
        )
    ),

    -- That no symbol of its market had shown, though later ones were there.
    late_sessions as (
        select new_sessions.*
        from new_sessions
        inner join last_sessions
            on new_sessions.market = last_sessions.market and new_sessions.day < last_sessions.last_day
    ),

    -- It makes the gaps around it wider: only those that may be too wide now have a return to lose.
    widened as (
        select
            symbols.symbol_id,
            bar.day
        from late_sessions
        inner join symbols on late_sessions.market = symbols.market
        cross join
            lateral (
                select prices.day from prices
                where prices.symbol_id = symbols.symbol_id and prices.day >= late_sessions.day
                order by prices.day
                limit 1
            ) as bar
        cross join
            lateral (
                select prices_before.day from prices_before
                where prices_before.symbol_id = symbols.symbol_id and prices_before.day < late_sessions.day
                order by prices_before.day desc
                limit 1
            ) as bar_before
        where bar.day > late_sessions.day and bar.day - bar_before.day > {{ var('most_missed_sessions') }} + 1
    ),

    changed as (
        select
            symbol_id,
            daterange(from_week, to_week + 7) as days
        from spans
        union all
        select
            symbol_id,
            daterange({{ week_start('first_day') }}, {{ week_start('last_day') }} + 7) as days
        from resplit
        union all
        select
            symbol_id,
            daterange({{ week_start('day') }}, {{ week_start('day') }} + 7) as days
        from widened
    ),

    merged as (
        select
            symbol_id,
            range_agg(days) as weeks
        from changed
        group by symbol_id
    )

    select
        {{ seen.build + 1 }}::bigint as build,
        merged.symbol_id,
        lower(stretch.span) as from_week,
        upper(stretch.span) - 7 as to_week,
        null as market,
        null::date as session_day,
        (select max(spans.change_id) from spans) as span
    from merged
    cross join lateral unnest(merged.weeks) as stretch (span)
    union all
    select
        {{ seen.build + 1 }}::bigint as build,
        null as symbol_id,
        null as from_week,
        null as to_week,
        new_sessions.market,
        new_sessions.day,
        (select max(spans.change_id) from spans) as span
    from new_sessions
{% else %}
    select
        1::bigint as build,
        symbols.symbol_id,
        null::date as from_week,
        null::date as to_week,
        symbols.market,
        null::date as session_day,
        null::bigint as span
    from {{ ref('stg_market__symbols') }} as symbols
    where false
{% endif %}
-- depends_on: {{ ref('stg_market__market_date') }}
-- depends_on: {{ ref('stg_market__prices') }}
-- depends_on: {{ ref('int_split_factors_now') }}
-- depends_on: {{ source('market', 'changed_spans') }}
