{{ config(
    materialized='incremental',
    incremental_strategy='follow_changes',
    unique_key=['symbol_id', 'window_end'],
    on_schema_change='fail',
    indexes=[{'columns': ['window_end', 'symbol_id'], 'unique': true}],
    pre_hook="{{ leave_new_pages_uncompressed() }}",
    post_hook="{{ remember_changes(this) }}"
) }}
{%- set columns = cumulated_columns() -%}
{%- set goes_on = is_incremental() -%}
-- one row per symbol and week from its first complete window to the last: sums up to that week, so that the mean over
-- any look-back is the difference of two rows. Dense: a week without a window repeats the sums before it.
with
{% if goes_on %}
    changed as (
        {{ earliest_changed_ends(this) }}
    ),

    -- The rows that stay, each symbol's last of them: the new ones go on from there.
    kept as (
        select kept_row.*
        from changed
        cross join lateral (
            select known.* from {{ this }} as known
            where known.symbol_id = changed.symbol_id and known.window_end = changed.window_end - 7
            order by known.window_end
        ) as kept_row
    ),

    windows as (
        select made.*
        from changed
        cross join lateral (
            select known.* from {{ ref('fct_windows') }} as known
            where
                known.symbol_id = changed.symbol_id
                and known.window_start >= changed.window_end - 13
                and known.is_complete
            order by known.window_start
        ) as made
    ),
{% else %}
    -- Not materialized: named twice, it would else be copied whole.
    windows as not materialized (
        select * from {{ ref('fct_windows') }}
        where is_complete
    ),
{% endif %}

-- The last complete week of the market date, also where the newest bars are older: then windows are missing.
last_week as (
    select {{ sunday_on_or_before('market_date') }} as window_end from {{ ref('stg_market__market_date') }}
),

firsts as (
    select
        symbol_id,
        min(window_end) as window_end
    from (
        select
            symbol_id,
            window_end
        from windows
        {% if goes_on %}
            union all
            select
                symbol_id,
                window_end + 7 as window_end
            from kept
        {% endif %}
    ) as begins
    group by symbol_id
),

weeks as (
    select
        firsts.symbol_id,
        week.window_end::date as window_end
    from firsts
    cross join last_week
    cross join lateral generate_series(
        firsts.window_end::timestamp, last_week.window_end::timestamp, interval '7 days'
    ) as week (window_end)
)

-- What every question reads comes first, then the counts: PostgreSQL takes a row apart up to the last column that is
-- asked for. The small ones stand together: between the sums each would be padded to the eight bytes of a sum.
select
    weeks.symbol_id,
    weeks.window_end,
    windows.window_end is not null as has_window,
    lag(windows.window_end is not null, 1, {{ 'coalesce(kept.has_window, false)' if goes_on else 'false' }})
        over up_to_week as had_window,
    ({{ so_far('windows', goes_on) }}count(windows.window_end) over up_to_week)::smallint as windows,
    {% for column in columns %}
        (
            {{ so_far(column ~ '_windows', goes_on) }}count(windows.{{ column }}) over up_to_week
        )::smallint
            as {{ column }}_windows,
    {% endfor %}
    {{ running_sums(columns, 'windows', 'up_to_week', goes_on) }}
from weeks
left join windows on weeks.symbol_id = windows.symbol_id and weeks.window_end = windows.window_end
{% if goes_on %}
    left join kept on weeks.symbol_id = kept.symbol_id
{% endif %}
window
    up_to_week as (
        partition by weeks.symbol_id
        order by weeks.window_end
        rows between unbounded preceding and current row
    )
-- A ranking reads all symbols of three weeks: they lie together.
order by window_end, symbol_id
