-- one row per symbol and first bar after sessions of its market that a live series lacks
with after_gaps as (
    select * from {{ ref('int_returns') }}
    where is_after_gap
),

returns as (
    select * from {{ ref('int_returns') }}
),

symbols as (
    select * from {{ ref('stg_market__symbols') }}
),

sessions as (
    select * from {{ ref('int_sessions') }}
),

-- Along the key, and only the bars that count: most have no gap anywhere near.
bars_before as (
    select
        after_gaps.symbol_id,
        after_gaps.day,
        bar.missed_sessions
    from after_gaps
    cross join
        lateral (
            select returns.missed_sessions
            from returns
            where returns.symbol_id = after_gaps.symbol_id and returns.day < after_gaps.day
            order by returns.day desc
            limit {{ var('live_bars') }}
        ) as bar
),

live as (
    select
        symbol_id,
        day
    from bars_before
    group by symbol_id, day
    having count(*) filter (where missed_sessions = 0) >= {{ var('least_live_share') }} * {{ var('live_bars') }}
),

gaps as (
    select after_gaps.*
    from after_gaps
    inner join live on after_gaps.symbol_id = live.symbol_id and after_gaps.day = live.day
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
