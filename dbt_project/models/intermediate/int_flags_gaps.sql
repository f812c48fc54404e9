-- one row per symbol and first bar after sessions of its market that a live series lacks
with returns as (
    select * from {{ ref('int_returns') }}
),

after_gaps as (
    select symbol_id from {{ ref('int_returns') }}
    where is_after_gap
),

symbols as (
    select * from {{ ref('stg_market__symbols') }}
),

sessions as (
    select * from {{ ref('int_sessions') }}
),

with_gaps as (
    select * from returns
    -- Most symbols have no gap: their bars need not be sorted.
    where symbol_id in (select after_gaps.symbol_id from after_gaps)
),

counted as (
    select
        *,
        count(*) filter (where missed_sessions = 0) over (
            partition by symbol_id
            order by day
            rows between {{ var('live_bars') }} preceding and 1 preceding
        ) as followed_at_once
    from with_gaps
),

gaps as (
    select * from counted
    where is_after_gap and followed_at_once >= {{ var('least_live_share') }} * {{ var('live_bars') }}
)

select
    gaps.symbol_id,
    gaps.day,
    gaps.day as last_day,
    'gap' as flag,
    'doubtful' as severity,
    'suspended or not delivered' as likely_cause,
    last_before.day as day_before,
    gaps.close_before,
    gaps.close,
    null::date as returned_on,
    null::double precision as close_after,
    gaps.missed_sessions as days
from gaps
inner join symbols on gaps.symbol_id = symbols.symbol_id
inner join sessions on symbols.market = sessions.market and gaps.day = sessions.day
inner join sessions as last_before
    on
        symbols.market = last_before.market
        and sessions.session_number - gaps.missed_sessions - 1 = last_before.session_number
