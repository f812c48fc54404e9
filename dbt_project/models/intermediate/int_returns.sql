{{ config(materialized='view') }}
-- one row per symbol and trading day: int_stored_returns and the sessions missed
with returns as (
    select * from {{ ref('int_stored_returns') }}
),

symbols as (
    select * from {{ ref('stg_market__symbols') }}
),

sessions as (
    select * from {{ ref('int_sessions') }}
)

select
    returns.symbol_id,
    returns.day,
    returns.day_before,
    returns.close,
    returns.close_before,
    returns.log_return,
    -- Counted when it is read: a session that comes late changes it. It costs only who asks for it.
    (
        select (later.session_number - earlier.session_number - 1)::integer
        from symbols
        inner join sessions as later on symbols.market = later.market
        inner join sessions as earlier on symbols.market = earlier.market
        where
            symbols.symbol_id = returns.symbol_id
            and later.day = returns.day
            and earlier.day = returns.day_before
    ) as missed_sessions,
    returns.is_after_gap
from returns
