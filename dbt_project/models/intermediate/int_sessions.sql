{{ config(
    materialized='incremental',
    incremental_strategy='follow_changes',
    unique_key=['market', 'day'],
    on_schema_change='fail',
    indexes=[{'columns': ['market', 'day'], 'unique': true}],
    post_hook=["{{ remember_changes(this) }}", "{{ analyze_when_new(this, ['market', 'day']) }}"]
) }}
-- one row per market and day on which any of its symbols traded, numbered
with
{% if is_incremental() %}
    {%- set seen = changes_seen(this) %}
    stored as (
        select * from {{ this }}
    ),

    come as (
        select
            changed.market,
            changed.session_day
        from intermediate.int_changed_weeks as changed
        where changed.build > {{ seen.build }} and changed.session_day is not null
    ),

    traded as (
        select
            market,
            day
        from stored
        where market in (select come.market from come)
        -- A session that the log names twice, or that is here already, counts once.
        union distinct
        select
            market,
            session_day
        from come
    ),
{% else %}
    traded as (
        select distinct
            symbols.market,
            prices.day
        from {{ ref('stg_market__prices') }} as prices
        inner join {{ ref('stg_market__symbols') }} as symbols on prices.symbol_id = symbols.symbol_id
    ),
{% endif %}

numbered as (
    select
        market,
        day,
        row_number() over (partition by market order by day) as session_number
    from traded
)

select numbered.*
from numbered
{% if is_incremental() %}
    -- A session that comes late moves the numbers of those after it, and of no other.
    left join stored on numbered.market = stored.market and numbered.day = stored.day
    where numbered.session_number is distinct from stored.session_number
{% endif %}
