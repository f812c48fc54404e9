{{ config(
    indexes=[{'columns': ['symbol_id', 'day'], 'unique': true}],
    post_hook="{{ analyze_when_new(this, ['symbol_id', 'day']) }}"
) }}
-- one row per symbol and trading day: int_daily_returns and the sessions missed, stored for flags, cone and earnings,
-- of which the cone reads the newest by the key. The windows do not.
with returns as (
    select * from {{ ref('int_daily_returns') }}
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
    returns.open,
    returns.high,
    returns.low,
    returns.close,
    returns.close_usd,
    returns.turnover_usd,
    returns.close_before,
    returns.log_return,
    returns.log_return_usd,
    (sessions.session_number - sessions_before.session_number - 1)::integer as missed_sessions,
    returns.is_after_gap,
    returns.is_consistent
from returns
inner join symbols on returns.symbol_id = symbols.symbol_id
inner join sessions on symbols.market = sessions.market and returns.day = sessions.day
left join sessions as sessions_before
    on symbols.market = sessions_before.market and returns.day_before = sessions_before.day
