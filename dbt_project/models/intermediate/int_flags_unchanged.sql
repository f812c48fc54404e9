-- one row per symbol and stretch of trading days without volume at the close before them
with returns as (
    select * from {{ ref('int_returns') }}
),

untraded as (
    select * from {{ ref('stg_market__prices') }}
    where volume = 0
),

symbols as (
    select * from {{ ref('stg_market__symbols') }}
),

sessions as (
    select * from {{ ref('int_sessions') }}
),

repeated as (
    select
        returns.symbol_id,
        symbols.market,
        returns.day,
        returns.close_before,
        returns.close,
        sessions.session_number,
        sessions.session_number - returns.missed_sessions - 1 as session_before
    from returns
    inner join untraded on returns.symbol_id = untraded.symbol_id and returns.day = untraded.day
    inner join symbols on returns.symbol_id = symbols.symbol_id
    inner join sessions on symbols.market = sessions.market and returns.day = sessions.day
    -- The adjustment rounds in the last digits.
    where abs(returns.close / returns.close_before - 1) <= 1e-12
),

begun as (
    select
        *,
        -- The symbol's bar before is none of these: a stretch begins.
        coalesce(lag(session_number) over by_day <> session_before, true) as is_first
    from repeated
    window by_day as (partition by symbol_id order by day)
),

numbered as (
    select
        *,
        sum(is_first::integer) over (
            partition by symbol_id
            order by day
            rows between unbounded preceding and current row
        ) as stretch_number
    from begun
),

measured as (
    select
        *,
        max(day) over by_stretch as last_day,
        count(*) over by_stretch as days
    from numbered
    window by_stretch as (partition by symbol_id, stretch_number)
)

select
    measured.symbol_id,
    measured.day,
    measured.last_day,
    'unchanged_without_volume' as flag,
    'doubtful' as severity,
    'not traded or filled in' as likely_cause,
    sessions.day as day_before,
    measured.close_before,
    measured.close,
    null::date as returned_on,
    null::double precision as close_after,
    measured.days
from measured
inner join sessions on measured.market = sessions.market and measured.session_before = sessions.session_number
where measured.is_first and measured.days >= {{ var('least_unchanged_days') }}
