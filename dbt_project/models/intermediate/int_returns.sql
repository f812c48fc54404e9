{{ config(materialized='view') }}
-- one row per symbol and trading day: int_stored_returns and the sessions missed
-- Without CTEs: Postgres plans a view that has one by itself, so that no reader could stop after a symbol's last rows.
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
        from {{ ref('stg_market__symbols') }} as symbols
        inner join {{ ref('int_sessions') }} as later on symbols.market = later.market
        inner join {{ ref('int_sessions') }} as earlier on symbols.market = earlier.market
        where
            symbols.symbol_id = returns.symbol_id
            and later.day = returns.day
            and earlier.day = returns.day_before
    ) as missed_sessions,
    returns.is_after_gap
from {{ ref('int_stored_returns') }} as returns
