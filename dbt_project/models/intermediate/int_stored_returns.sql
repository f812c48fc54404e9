{{ config(
    materialized='incremental',
    incremental_strategy='follow_changes',
    unique_key=['symbol_id', 'day'],
    on_schema_change='fail',
    indexes=[{'columns': ['symbol_id', 'day'], 'unique': true}],
    pre_hook="{{ leave_new_pages_uncompressed() }}",
    post_hook=["{{ remember_changes(this) }}", "{{ analyze_when_new(this, ['symbol_id', 'day', 'is_after_gap']) }}"]
) }}
-- one row per symbol and trading day: what flags, cone and earnings read of int_daily_returns, through int_returns
-- A row needs its bar, the symbol's bar before it and its splits. Nothing stands here that a late session would change
-- in a row whose week it does not mark: thus no session numbers.
{{ what_changed_returns_read() }}
{% if is_incremental() %}
    with {{ changed_returns(this) }}
{% else %}
    with returns as (
        select * from {{ ref('int_daily_returns') }}
    )
{% endif %}

select
    symbol_id,
    day,
    day_before,
    close,
    close_before,
    log_return,
    is_after_gap
from returns
order by symbol_id, day
